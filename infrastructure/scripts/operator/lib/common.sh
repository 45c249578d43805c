# shellcheck shell=bash disable=SC2034 # what is set here is used by those who source it
# What every operator command begins with: how it speaks, the host's facts in operator.conf, and who may call it. Sourced.
#
# A command's result goes to stdout and everything else to stderr. Nothing here ever prints a secret: the host's facts
# name secrets, and only what runs in a sandbox (lib/inside/) opens them.

# A failure within $(…) is one, too.
shopt -s inherit_errexit

program=${CATGRAFT_PROGRAM:-${0##*/}} # what runs in a sandbox speaks as the command that it runs for
operator_lib=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
operator_conf=${CATGRAFT_OPERATOR_CONF:-/etc/catgraft/operator.conf}

# Sets the escape codes, empty where the stream that they are for is no terminal.
set_colours() { # file descriptor
  bold='' red='' green='' yellow='' plain=''
  if [ -t "$1" ] && [ -z "${NO_COLOR-}" ]; then
    bold=$'\e[1m' red=$'\e[31m' green=$'\e[32m' yellow=$'\e[33m' plain=$'\e[0m'
  fi
}

say() { printf '%s\n' "$*" >&2; }

warn() { printf '%s: %s\n' "$program" "$*" >&2; }

fail() { # text: the work cannot be done
  warn "$*"
  exit 1
}

misused() { # text: the arguments cannot be understood
  printf '%s: %s (see %s --help)\n' "$program" "$*" "$program" >&2
  exit 2
}

# For options that take a value: misused unless there is one.
value_of() { # option, number of arguments that are left, value
  if [ "$2" -lt 2 ] || [ -z "$3" ]; then misused "$1 needs a value"; fi
}

load_facts() {
  [ -r "$operator_conf" ] ||
    fail "cannot read $operator_conf: this host has no CatGraft, or CATGRAFT_OPERATOR_CONF names another file"
  # shellcheck disable=SC1090
  . "$operator_conf"
  [ -n "${CATGRAFT_PARTS-}" ] || fail "$operator_conf does not say which parts this host has: CATGRAFT_PARTS is empty"
}

need_root() {
  [ "$EUID" = 0 ] || fail "only root may do this: run it with sudo"
}

has_part() { # metastore or pagestore
  [[ " $CATGRAFT_PARTS " == *" $1 "* ]]
}

# The facts of a part by its name: fact metastore UNIT is $CATGRAFT_METASTORE_UNIT.
fact() { # part, rest of the name
  local name="CATGRAFT_${1^^}_$2"
  printf '%s' "${!name-}"
}

# Prints the parts of this host, or the one that was asked for.
parts_wanted() { # part, or nothing
  local part
  if [ -n "${1-}" ]; then
    has_part "$1" || fail "this host has no $1: it has $CATGRAFT_PARTS"
    echo "$1"
  else
    for part in $CATGRAFT_PARTS; do echo "$part"; done
  fi
}
