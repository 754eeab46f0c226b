# What the scripts of a release share. They source it in the root of the checkout.

# Prints how a script is called, and ends it.
usage() {
  printf 'usage: %s\n' "$1" >&2
  exit 2
}

step() { printf '\n=== %s (%ss)\n' "$*" "$SECONDS" >&2; }

fail() {
  printf 'error: %s\n' "$1" >&2
  exit 1
}

# Prints the commit of the checkout. A release has no changes beside it.
commit() {
  local changes
  changes=$(git status --porcelain --untracked-files=no)
  if [ -z "$changes" ]; then
    git rev-parse HEAD
  elif [ -n "${KEYROTA_ALLOW_DIRTY:-}" ]; then
    printf '%s-changed\n' "$(git rev-parse HEAD)"
  else
    fail 'the work tree has changes; commit them, or set KEYROTA_ALLOW_DIRTY'
  fi
}

# Prints a field of cargo's metadata, as an expression over `it`.
metadata() {
  cargo metadata --locked --no-deps --format-version 1 |
    python3 -c "import json, sys; it = json.load(sys.stdin); print($1)"
}

target_directory() { metadata 'it["target_directory"]'; }

version() { metadata '[p["version"] for p in it["packages"] if p["name"] == "keyrota"][0]'; }

# Prints the folder of a target's files. `release/build` puts the program there.
stage() { printf 'dist/%s\n' "$1"; }

# Prints the program of a target, or fails if it was not built.
program() {
  local program
  program=$(stage "$1")/keyrota
  [ -x "$program" ] || fail "there is no $program; run release/build $1 FUNCTIONS first"
  printf '%s\n' "$program"
}

# Makes archives the same on each machine: the time of the commit for every file.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
