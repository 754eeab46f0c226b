# shellcheck shell=bash
# What `fuzz/run` and `.ci/fuzz` share. They source it in the folder `fuzz`, with `set -euo pipefail`.

# libFuzzer is written in C++. `need` is that of `.ci/common.sh`.
command -v c++ >/dev/null || need g++

fuzz_targets=$(sed -n 's/^name = "\(.*\)"$/\1/p' Cargo.toml | grep -vx keyrota-fuzz)

# Builds the targets, with the flags of `.cargo/config.toml`.
fuzz_build() {
  cargo build --locked --release --bins
}

# Prints the longest input of a target, in bytes.
fuzz_length() {
  case "$1" in
    manifest | render | template) echo 16384 ;;
    package) echo 8192 ;;
    *) echo 4096 ;;
  esac
}

# Runs a target on its kept inputs and, if it has time, on new ones.
#
#     fuzz_run TARGET SECONDS FOLDER [OPTION…]
#
# New inputs that reach new code are added to FOLDER, which may not exist yet. An input that fails is
# written to `artifacts/TARGET`.
fuzz_run() {
  local target=$1 seconds=$2 folder=$3
  shift 3
  mkdir -p "$folder" "artifacts/$target" "corpus/$target" "regressions/$target"
  local options=(
    "-max_total_time=$seconds" "-max_len=$(fuzz_length "$target")" -timeout=20 -rss_limit_mb=2048
    -print_final_stats=1 "-artifact_prefix=artifacts/$target/"
  )
  [ ! -e "dictionaries/$target.dict" ] || options+=("-dict=dictionaries/$target.dict")
  "target/x86_64-unknown-linux-gnu/release/$target" "${options[@]}" "$@" \
    "$folder" "corpus/$target" "regressions/$target"
}
