#!/usr/bin/env bash
# Runs keyrota for `action.yml`, with the inputs from environment variables, and writes the outputs
# `exit-code` and `changes`. What `plan` printed is left in $RUNNER_TEMP/keyrota-plan.txt.
set -euo pipefail

command -v keyrota >/dev/null || {
  echo '::error::keyrota is not on the PATH: set the input `version`, or install it in an earlier step'
  exit 1
}

arguments=(keyrota)
# Adds an option, unless its value is empty.
option() { [ -z "$2" ] || arguments+=("$1" "$2"); }
zips() {
  option --function-zip "$INPUT_FUNCTION_ZIP"
  option --database-function-zip "$INPUT_DATABASE_FUNCTION_ZIP"
  option --service-function-zip "$INPUT_SERVICE_FUNCTION_ZIP"
}

option --manifest "$INPUT_MANIFEST"
option --environment "$INPUT_ENVIRONMENT"
option --region "$INPUT_REGION"
option --color never
case "$INPUT_COMMAND" in
  check)
    arguments+=(generate --check)
    option --output "$INPUT_RENDERED"
    ;;
  plan)
    arguments+=(--quiet plan --detailed-exitcode)
    zips
    ;;
  bootstrap)
    arguments+=(bootstrap --yes)
    zips
    ;;
  *)
    echo '::error::the input `command` must be check, plan, or bootstrap'
    exit 1
    ;;
esac
option --templates "$INPUT_TEMPLATES"

# The runner obeys lines of the log that begin with `::`. Names in a manifest are not commands.
# `-I`: without it, Python would import `secrets.py` of the checkout, whose author may be anybody, in a
# job with the role's credentials.
pause=$(python3 -I -c 'import secrets; print(secrets.token_hex(16))')
echo "::stop-commands::$pause"
code=0
if [ "$INPUT_COMMAND" = plan ]; then
  plan="$RUNNER_TEMP/keyrota-plan.txt"
  # Failures and findings go to stderr: they belong in the comment too. Progress does not.
  "${arguments[@]}" >"$plan" 2>"$plan.messages" || code=$?
  cat "$plan.messages" >>"$plan"
  cat "$plan"
else
  "${arguments[@]}" || code=$?
fi
echo "::$pause::"

changes=false
[ "$code" -ne 4 ] || changes=true
printf 'exit-code=%s\nchanges=%s\n' "$code" "$changes" >>"$GITHUB_OUTPUT"

case "$INPUT_COMMAND:$code" in
  *:0 | plan:4) ;;
  check:4)
    echo '::error::the rendering is not up to date: run `keyrota generate`, review it, and commit it'
    exit 1
    ;;
  *)
    echo "::error::keyrota $INPUT_COMMAND exited with $code"
    exit 1
    ;;
esac
