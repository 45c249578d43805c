# shellcheck shell=bash disable=SC2154 # common.sh sets what is not set here
# Admin work in the sandbox of a unit: with its identity, its credentials and its walls, as a transient unit of its own.
# Sourced after common.sh.
#
# The sandbox is the list of properties that was rendered together with the unit. stdin, stdout, stderr and the exit code
# are those of the command; nothing of them goes to the journal.

# Runs a command in the sandbox of metastore, pagestore or backup.
sandbox() { # sandbox, command…
  local properties=$CATGRAFT_SANDBOX/$1.properties unit=catgraft-$1-work-$BASHPID-$RANDOM.service line arguments=() status=0
  [ -r "$properties" ] || fail "cannot read $properties: this host has no sandbox $1"
  while IFS= read -r line || [ -n "$line" ]; do
    [[ -z $line || $line == '#'* ]] || arguments+=("--property=$line")
  done <"$properties"
  shift
  systemd-run --quiet --pipe --wait --collect --service-type=exec --unit="$unit" --description="$program" "${arguments[@]}" \
    --setenv=PATH="$PATH" --setenv=CATGRAFT_OPERATOR_CONF="$operator_conf" --setenv=CATGRAFT_PROGRAM="$program" -- "$@" || status=$?
  # Above 200 it is systemd that could not set up the sandbox, and its journal says why.
  if [ "$status" -gt 200 ]; then
    journalctl --sync 2>/dev/null || true
    warn "the sandbox could not be set up: $(journalctl --quiet --no-pager --output=cat --lines=1 --priority=err --unit="$unit")"
  fi
  return "$status"
}

# Runs one of our own scripts there.
inside() { # sandbox, file in lib/inside, arguments…
  local where=$1 file=$2
  shift 2
  sandbox "$where" bash "$operator_lib/inside/$file" "$@"
}
