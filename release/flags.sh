# The flags and the folder with which the program of a distribution is compiled. All packages of a
# target contain the same program, so release/build and release/wheel source this file.

CARGO_TARGET_DIR=$(target_directory)/distribution
export CARGO_TARGET_DIR
[ -z "${KEYROTA_RUSTC:-}" ] || export RUSTC=$KEYROTA_RUSTC

# Messages contain paths of source files. Without the leading folders, the bytes do not depend on
# where the checkout and the registry are. A program that aborts on a panic needs no unwind tables.
CARGO_ENCODED_RUSTFLAGS=$(
  printf '%s\x1f' \
    "--remap-path-prefix=$PWD=/keyrota" \
    "--remap-path-prefix=$CARGO_TARGET_DIR=/target" \
    "--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
  printf '%s' -Cforce-unwind-tables=no
)
export CARGO_ENCODED_RUSTFLAGS
