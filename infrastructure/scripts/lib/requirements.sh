# shellcheck shell=bash
# What the checks need and this machine may lack. Sourced by `test`.
#
# As root on a Debian-like system, packages are installed; as anybody else, one line says what to install. Nothing here
# touches the project's own tree except the target folder.

missing() { # what it is, Debian package
  printf 'test: %s is missing; install it (Debian: apt-get install %s) and run this again\n' "$1" "$2" >&2
  return 1
}

apt_install() { # Debian packages…
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
  printf 'test: installing %s\n' "$*"
  export DEBIAN_FRONTEND=noninteractive
  apt-get -q -y install --no-install-recommends "$@" >/dev/null 2>&1 && return
  apt-get -q update >/dev/null && apt-get -q -y install --no-install-recommends "$@" >/dev/null
}

need_command() { # command, Debian package
  command -v "$1" >/dev/null || { apt_install "$2" && command -v "$1" >/dev/null; } || missing "$1" "$2"
}

need_build_tools() {
  command -v cargo >/dev/null || {
    echo "test: cargo is missing; install Rust (https://rustup.rs) and run this again" >&2
    return 1
  }
  command -v cc >/dev/null || need_command cc gcc || return
  need_command make make
}

# Prints the folder of Postgres' own programs: Debian keeps them out of PATH.
postgres_programs() {
  local folder
  if command -v pg_config >/dev/null; then
    folder=$(pg_config --bindir)
    [ -x "$folder/initdb" ] && echo "$folder" && return
  fi
  folder=$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
  [ -x "$folder/initdb" ] && echo "$folder" && return
  command -v initdb >/dev/null && dirname "$(readlink -f "$(command -v initdb)")"
}

need_postgres() {
  [ -n "$(postgres_programs)" ] || apt_install postgresql || true
  [ -n "$(postgres_programs)" ] || missing "Postgres (initdb)" postgresql
}

# A virtual environment with the real client, made again only when what it holds changed.
need_python() { # folder of the environment, file of requirements
  local environment=$1 requirements=$2
  cmp -s "$requirements" "$environment/requirements.txt" && "$environment/bin/python" -c '' 2>/dev/null && return
  need_command python3 python3 || return
  python3 -c 'import venv, ensurepip' 2>/dev/null || apt_install python3-venv || missing "Python's venv module" python3-venv || return
  rm -rf "$environment"
  python3 -m venv "$environment" &&
    "$environment/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements" &&
    cp "$requirements" "$environment/requirements.txt" && return
  printf 'test: the Python packages of %s could not be installed; pip says above why\n' "$requirements" >&2
  return 1
}
