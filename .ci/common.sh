# shellcheck shell=bash
# What the scripts of `.ci` share. They source it from the root of the repository, with `set -euo pipefail`.

# Where scripts install what they need, once.
cache="${XDG_CACHE_HOME:-$HOME/.cache}/keyrota"

# Takes a lock for the rest of a subshell, since scripts that run at the same time can need the same tools. Where
# flock is missing, as on macOS, there is no lock.
#
#     lock PATH
lock() {
  mkdir -p "$(dirname "$1")"
  if command -v flock >/dev/null; then
    exec 9>"$1.lock"
    flock 9
  fi
}

# Installs Debian packages as root, or says which are missing.
need() (
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    printf 'missing here: %s\n' "$*" >&2
    exit 1
  fi
  printf 'installing %s\n' "$*"
  lock "$cache/apt"
  # A service that a package starts would hold the lock on.
  apt-get update -qq 9>&-
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null 9>&-
)

# Installs Node.js and npm if they are missing, and ends if Node.js is older than a major version.
need_node() {
  command -v node >/dev/null || need nodejs
  command -v npm >/dev/null || need npm
  node -e "process.exit(parseInt(process.versions.node) < $1 ? 1 : 0)" || {
    printf 'Node.js %s or newer is needed, not %s (Debian 12 has version 18): see https://nodejs.org\n' \
      "$1" "$(node --version)" >&2
    exit 1
  }
}

# Prints the folder for what is installed once for each content of a lock file.
#
#     installed_once NAME LOCK
installed_once() {
  printf '%s/%s-%s\n' "$cache" "$1" "$(sha256sum "$2" | cut -c 1-16)"
}

# Installs the npm packages that a folder's package-lock.json pins, once, and prints where they are.
#
#     npm_packages NAME FOLDER
#
# A command substitution has no `errexit`, so the function sets it, in a subshell.
npm_packages() (
  set -euo pipefail
  installed=$(installed_once "$1" "$2/package-lock.json")
  lock "$installed"
  if [ ! -e "$installed/ready" ]; then
    mkdir -p "$installed"
    cp "$2/package.json" "$2/package-lock.json" "$installed"
    npm ci --prefix "$installed" --ignore-scripts --no-audit --no-fund --loglevel=error >&2
    touch "$installed/ready"
  fi
  printf '%s\n' "$installed"
)

# Installs the Python packages that a file pins with their hashes, once, into a virtual environment, and prints
# where it is.
#
#     python_packages NAME REQUIREMENTS
python_packages() (
  set -euo pipefail
  installed=$(installed_once "$1" "$2")
  lock "$installed"
  if [ ! -e "$installed/ready" ]; then
    python3 -m venv --clear "$installed" >&2
    "$installed/bin/pip" install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
      --requirement "$2" >&2
    touch "$installed/ready"
  fi
  printf '%s\n' "$installed"
)
