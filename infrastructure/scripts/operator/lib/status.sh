# shellcheck shell=bash disable=SC2154 # common.sh sets what is not set here
# What catgraft-status finds out, as one JSON value, and how it is printed for people. Sourced after units.sh and catalog.sh.

# What /ready answers, as an object: {"catalog": "ok"}; empty where the service does not answer.
ready_report() { # URL
  { curl --silent --max-time 5 "$1/ready" || true; } |
    jq -cRn '[inputs | capture("^(?<key>[a-z]+): (?<value>.*)$")] | from_entries'
}

is_healthy() { # URL
  curl --silent --fail --output /dev/null --max-time 5 "$1/health"
}

# The version that a running service tells of itself.
running_version() { # URL
  curl --silent --max-time 5 "$1/metrics" | sed -n 's/^catgraft_build_info{.*version="\([^"]*\)".*/\1/p'
}

status_of_part() { # part
  local unit url active installed running='' health=false ready='{}' is_ready=false why=''
  unit=$(fact "$1" UNIT) url=$(fact "$1" URL)
  active=$(unit_property "$unit" ActiveState)
  installed=$("$(fact "$1" BINARY)" --version 2>/dev/null | awk '{ print $NF }') || installed='missing'
  if [ "$active" != inactive ] && is_healthy "$url"; then
    health=true
    running=$(running_version "$url") || true
    ready=$(ready_report "$url")
  fi
  [ "$active" != active ] || is_ready=$(jq 'length > 0 and all(. == "ok")' <<<"$ready")
  if [ "$is_ready" = false ] && [ "$active" != inactive ]; then
    why=$(jq -r 'to_entries | map(select(.value != "ok") | "\(.key): \(.value)") | join("; ")' <<<"$ready")
    [ -n "$why" ] || why=$(unit_why "$unit")
  fi
  jq -nc --arg part "$1" --arg unit "$unit" --arg active "$active" --arg sub "$(unit_property "$unit" SubState)" \
    --arg since "$(unit_property "$unit" StateChangeTimestamp)" --argjson restarts "$(unit_property "$unit" NRestarts)" \
    --arg installed "$installed" --arg running "$running" --argjson health "$health" --argjson is_ready "$is_ready" \
    --argjson ready "$ready" --arg why "$why" \
    '{ part: $part, unit: $unit, active: $active, sub: $sub, since: $since, restarts: $restarts, is_ready: $is_ready,
       why: (if $why == "" then null else $why end), health: $health, ready: $ready,
       version: { installed: $installed, running: (if $running == "" then null else $running end) } }'
}

# The catalog in numbers, or {"error": why not}. What the metastore has just said to be away is not waited for once more.
status_of_catalog() { # status of the metastore
  local schema commit away
  away=$(jq -r '.ready.catalog // "ok" | select(. != "ok")' <<<"$1")
  if [ -n "$away" ]; then
    jq -nc --arg error "$away" '{ error: $error }'
  elif ! schema=$(catalog_schema 2>&1); then
    jq -nc --arg error "$schema" '{ error: $error }'
  elif [ "$(jq '.schema == .schema_wanted' <<<"$schema")" = false ]; then
    echo "$schema"
  elif commit=$(catalog_newest_commit 2>&1); then
    jq -c --argjson commit "$commit" '. + { newest_commit: $commit }' <<<"$schema"
  else
    jq -c --arg error "$commit" '. + { error: $error }' <<<"$schema"
  fi
}

status_of_backup() {
  local manifests
  if ! manifests=$(inside backup backups list 2>&1 </dev/null); then
    jq -nc --arg error "$manifests" '{ error: $error }'
  else
    jq -sc --arg timer "$(unit_property "$CATGRAFT_BACKUP_TIMER" ActiveState)" --arg last "$(unit_property "$CATGRAFT_BACKUP_UNIT" Result)" \
      '{ timer: $timer, last_run: $last, count: length, newest: (last | if . then { name, taken_at } else null end) }' <<<"$manifests"
  fi
}

status_of_host() {
  local part parts='[]' catalog=null backup=null database=null
  for part in $CATGRAFT_PARTS; do
    parts=$(jq -c --argjson part "$(status_of_part "$part")" '. + [$part]' <<<"$parts")
  done
  if has_part metastore && [ "$CATGRAFT_DATABASE_KIND" = local ]; then
    database=$(jq -nc --arg unit "$CATGRAFT_DATABASE_UNIT" --arg active "$(unit_property "$CATGRAFT_DATABASE_UNIT" ActiveState)" '$ARGS.named')
  fi
  if [ "$EUID" = 0 ]; then
    ! has_part metastore || catalog=$(status_of_catalog "$(jq -c '.[] | select(.part == "metastore")' <<<"$parts")")
    [ -z "$CATGRAFT_BACKUP_UNIT" ] || backup=$(status_of_backup)
  fi
  jq -nc --argjson parts "$parts" --argjson database "$database" --argjson catalog "$catalog" --argjson backup "$backup" \
    '{ state: (if $parts | all(.is_ready) then "ready" elif $parts | all(.active == "inactive") then "stopped" else "not ready" end) }
     + $ARGS.named'
}

# Prints the value that comes from stdin for people.
print_status() {
  jq -r --arg bold "$bold" --arg red "$red" --arg green "$green" --arg yellow "$yellow" --arg plain "$plain" '
    def mark: if .is_ready then $green + "ready" elif .active == "inactive" then $yellow + "stopped" else $red + "not ready" end + $plain;
    def line($name; $text): "  \($name + (" " * (12 - ($name | length))))\($text)";
    "\($bold)CatGraft\($plain) is \(.state)", "",
    (.parts[] |
      "\($bold)\(.unit)\($plain): \(mark)  (\(.active)/\(.sub), since \(if .since == "" then "never" else .since end), \(.restarts) restarts)",
      (if .why then line("why"; .why) else empty end),
      line("version"; .version.installed + (
        if .version.running and .version.running != .version.installed then ", but \(.version.running) still runs: catgraft-restart" else "" end)),
      (.ready | to_entries[] | line(.key; .value))),
    (.database | values | "\($bold)\(.unit)\($plain): \(.active)"),
    (.catalog | values |
      "\($bold)catalog\($plain)",
      (if .schema then line("schema"; "version \(.schema)" + if .schema == .schema_wanted then "" else
        ", and the program wants \(.schema_wanted): catgraft-migrate" end) else empty end),
      (if has("newest_commit") then line("last commit"; .newest_commit | if . then "LSN \(.lsn) of volume \(.vid) at \(.committed_at)" else "none" end)
        else empty end),
      (if .error then line("error"; .error) else empty end)),
    (.backup | values |
      "\($bold)backup\($plain)",
      (if .error then line("error"; .error) else
        line("newest"; if .newest then "\(.newest.name), \(.count) in all" else "none" end),
        line("timer"; "\(.timer), last run: \(.last_run)") end))'
}
