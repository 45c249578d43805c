# shellcheck shell=bash
# The units of this host: starting and stopping them, and why one of them is not what it should be. Sourced after common.sh.

# Prints one property of a unit.
unit_property() { # unit, property
  systemctl show --property="$2" --value "$1"
}

# Does a unit run, or is it about to?
is_running() { # unit
  local active
  active=$(unit_property "$1" ActiveState)
  [ "$active" != inactive ] && [ "$active" != failed ]
}

# Prints the units of the parts of this host, or of one part.
units_wanted() { # part, or nothing
  local part parts
  parts=$(parts_wanted "${1-}") || exit
  for part in $parts; do fact "$part" UNIT; echo; done
}

# The last line that a unit's processes wrote in its present or last run, of a priority or worse.
unit_last_line() { # unit, priority or nothing
  local invocation
  invocation=$(unit_property "$1" InvocationID)
  [ -n "$invocation" ] || return 0
  journalctl --quiet --no-pager --output=cat --lines=1 ${2:+--priority="$2"} "_SYSTEMD_INVOCATION_ID=$invocation" 2>/dev/null
}

# Why a unit is not ready, in one line: what it says of itself, otherwise the last complaint in its journal, otherwise its
# last word, otherwise what systemd says.
unit_why() { # unit
  local unit=$1 active result why=''
  active=$(unit_property "$unit" ActiveState)
  [ "$active" != activating ] || why=$(unit_property "$unit" StatusText)
  [ -n "$why" ] || why=$(unit_last_line "$unit" warning)
  [ -n "$why" ] || why=$(unit_last_line "$unit" '')
  if [ -z "$why" ]; then
    result=$(unit_property "$unit" Result)
    why="systemd says $active ($result): journalctl -u $unit"
  fi
  printf '%s\n' "$why"
}

# Starts or restarts units and returns when each is ready or has failed; says on the way what they wait for. The verb is
# systemctl's.
units_bring_up() { # verb, units…
  local verb=$1 unit told='' now job status=0
  shift
  systemctl "$verb" "$@" 2>/dev/null &
  job=$!
  while kill -0 "$job" 2>/dev/null; do
    now=''
    for unit in "$@"; do
      [ "$(unit_property "$unit" ActiveState)" != activating ] || now+="$unit waits: $(unit_property "$unit" StatusText)"$'\n'
    done
    # Only what has a text after the colon is worth a line.
    now=$(grep -v ': $' <<<"$now" || true)
    [ -z "$now" ] || [ "$now" = "$told" ] || say "$now"
    told=$now
    sleep 0.3
  done
  wait "$job" || true
  for unit in "$@"; do
    if [ "$(unit_property "$unit" ActiveState)" = active ]; then
      say "$unit is ready"
    else
      warn "$unit is not ready: $(unit_why "$unit")"
      status=1
    fi
  done
  return "$status"
}
