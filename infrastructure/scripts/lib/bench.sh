# shellcheck shell=bash
# Starting, stopping and measuring for `bench`, which sources it and sets what it reads: root, target, program, output,
# duration, warm_up, starts, quick. Everything that is started listens on a free port of 127.0.0.1.
# shellcheck disable=SC2154

work=         # folder of all data
objects=      # folder of the store's objects
stores=0      # how many stores there were
pids=()       # what runs, in the order of its start
measured=()   # --process options for what is to be looked at
servers=()    # --metastore and --pagestore options
database=     # URL of the catalog in Postgres
kind=         # what the services run on: embedded, postgres or s3
metastore_url=
pagestore_url=
store_url=
store_control=
failures=0

# Builds, makes the folders, and promises to clean up.
begin() { # folder of the report
  need_build_tools || return
  cargo build --locked --release --workspace --manifest-path "$root/Cargo.toml" || return
  need_postgres || return
  PATH=$(postgres_programs):$PATH # psql
  need_command python3 python3 && need_command curl curl || return
  mkdir -p "$1/results" || return
  work=$(mktemp -d "${TMPDIR:-/tmp}/catgraft-bench.XXXXXX") || return
  trap finish EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  cd "$work" || return # no settings file of somebody's working directory is read
  unset "${!METASTORE_@}" "${!PAGESTORE_@}" "${!GRAFT_@}"
}

finish() {
  stop_all
  postgres_stop
  [ -z "$work" ] || rm -rf "$work"
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Waits until an address answers 200, or its process ends.
await_ready() { # URL, pid, log
  local tries=0
  until curl --silent --fail --max-time 5 --output /dev/null "$1/ready"; do
    tries=$((tries + 1))
    if ! kill -0 "$2" 2>/dev/null || [ "$tries" -gt 600 ]; then
      echo "bench: $1 does not become ready:" >&2
      tail -n 5 "$3" >&2
      return 1
    fi
    sleep 0.05
  done
}

# A database of its own in the throw-away Postgres, whose fsync is on.
make_database() {
  if [ -z "$postgres_folder" ]; then
    postgres_start || return
    [ "$(psql --no-psqlrc -Atc 'SHOW fsync' "$CATGRAFT_TEST_POSTGRES")" = on ] || {
      echo "bench: Postgres does not sync to disk" >&2
      return 1
    }
  fi
  local name=bench_$RANDOM$RANDOM
  psql --no-psqlrc --quiet -c "CREATE DATABASE $name" "$CATGRAFT_TEST_POSTGRES" || return
  database=${CATGRAFT_TEST_POSTGRES/postgres:\/\/\/postgres/postgres:///$name}
  METASTORE_CATALOG__URL=$database "$program" migrate >/dev/null
}

# Fresh services: a new catalog and an empty store.
start_services() { # embedded, postgres or s3
  kind=$1
  # The store before stays until the end: for minutes after many files were removed, ext4 looks at each of their inodes
  # before it takes one for a new file, which is some 8 % of what pushes have.
  stores=$((stores + 1))
  objects=$work/objects-$stores
  rm -f "$work"/catalog.sqlite*
  [ "$kind" = embedded ] || make_database || return
  run_services
}

# What a database and a file system do for themselves some minutes after they were filled, done now: it would run beside
# what is measured.
settle() {
  sync
  psql --no-psqlrc --quiet -c 'VACUUM ANALYZE' -c CHECKPOINT "$database"
}

# The same services in new processes, on the same data.
restart_services() {
  stop_services
  run_services
}

run_services() {
  local port log=$work/metastore.log
  port=$(free_port)
  metastore_url=http://127.0.0.1:$port
  local metastore=("$target/release/metastore" --host 127.0.0.1 --port "$port" --log-level warn)
  case $kind in
    embedded) "${metastore[@]}" --catalog-path "$work/catalog.sqlite" >"$log" 2>&1 & ;;
    *) METASTORE_CATALOG__URL=$database "${metastore[@]}" >"$log" 2>&1 & ;;
  esac
  local metastore_pid=$!
  pids+=("$metastore_pid")
  await_ready "$metastore_url" "$metastore_pid" "$log" || return
  log=$work/pagestore.log
  port=$(free_port)
  pagestore_url=http://127.0.0.1:$port
  local pagestore=("$target/release/pagestore" --host 127.0.0.1 --port "$port" --log-level warn --metastore "$metastore_url")
  case $kind in
    s3)
      AWS_ACCESS_KEY_ID=double AWS_SECRET_ACCESS_KEY=double-secret AWS_REGION=us-east-1 \
        "${pagestore[@]}" --objectstore-type s3_compatible --objectstore-bucket catgraft \
        --objectstore-endpoint "$store_url" >"$log" 2>&1 &
      ;;
    *) "${pagestore[@]}" --objectstore-type fs --objectstore-root "$objects" >"$log" 2>&1 & ;;
  esac
  local pagestore_pid=$!
  pids+=("$pagestore_pid")
  await_ready "$pagestore_url" "$pagestore_pid" "$log" || return
  measured=(--process "metastore=$metastore_pid" --process "pagestore=$pagestore_pid")
  servers=(--metastore "$metastore_url" --pagestore "$pagestore_url")
}

# A server of constants in the place of both services.
start_ceiling() { # pages of a read, pages of a push
  local port log=$work/ceiling.log
  port=$(free_port)
  "$program" bench ceiling --listen "127.0.0.1:$port" --read-pages "$1" --write-pages "$2" >"$log" 2>&1 &
  pids+=($!)
  await_ready "http://127.0.0.1:$port" $! "$log" || return
  measured=()
  servers=(--metastore "http://127.0.0.1:$port" --pagestore "http://127.0.0.1:$port")
}

# An S3 double, as fast as it can be.
start_store() {
  local log=$work/store.log store control
  store=$(free_port)
  control=$(free_port)
  store_url=http://127.0.0.1:$store store_control=http://127.0.0.1:$control
  "$target/release/s3-double" --listen "127.0.0.1:$store" --control "127.0.0.1:$control" >"$log" 2>&1 &
  store_pid=$!
  until curl --silent --fail --max-time 5 --output /dev/null "$store_control/status"; do
    kill -0 "$store_pid" 2>/dev/null || { cat "$log" >&2; return 1; }
    sleep 0.05
  done
}
store_pid=

# From now on every GET of the store takes so long.
slow_store() { # milliseconds
  curl --silent --show-error --fail --output /dev/null "$store_control/latency" \
    --data "{\"get\": {\"p50_ms\": $1, \"p99_ms\": $1}}"
}

# The last that was started is the first to be stopped: what is on its way needs the others.
stop_services() {
  local place
  for ((place = ${#pids[@]} - 1; place >= 0; place--)); do
    kill -TERM "${pids[$place]}" 2>/dev/null
    wait "${pids[$place]}" 2>/dev/null
  done
  pids=()
}

stop_all() {
  stop_services
  if [ -n "$store_pid" ]; then
    kill -TERM "$store_pid" 2>/dev/null
    wait "$store_pid" 2>/dev/null
    store_pid=
  fi
  measured=() servers=()
}

# A volume with a history, whose id is then in `volume`.
prepare() { # options of `catgraft bench prepare`
  local started=$SECONDS
  # shellcheck disable=SC2034 # the rows read it
  volume=$("$program" bench prepare "$@" "${servers[@]}") || { failures=$((failures + 1)); return 1; }
  note "volume=\$(catgraft bench prepare $*)"
  printf '%-28s %s s\n' "(prepare ${*})" $((SECONDS - started))
}

# What is measured in turns, in the order of this round: every second round goes the other way, so that nothing is always
# the last.
in_turns() { # round, what
  local round=$1 turns=() turn
  shift
  for turn in "$@"; do
    if ((round % 2)); then turns+=("$turn"); else turns=("$turn" ${turns[@]+"${turns[@]}"}); fi
  done
  printf '%s\n' "${turns[@]}"
}

# One measurement with warm-up and time of the run.
measure() { # name, workload, options
  local name=$1 workload=$2
  shift 2
  save "$name" "$workload" "$@" --duration "$duration" --warm-up "$warm_up" "${measured[@]}" "${servers[@]}"
}

# One measurement without a warm-up, for what happens once.
measure_once() { # name, workload, options
  local name=$1 workload=$2
  shift 2
  case $workload in
    memory) save "$name" memory "$@" "${measured[@]}" ;;
    fill) save "$name" fill "$@" "${measured[@]}" "${servers[@]}" ;;
    *) save "$name" "$workload" "$@" --warm-up 0s "${measured[@]}" "${servers[@]}" ;;
  esac
}

measure_start() { # name, port, program and arguments
  local name=$1 port=$2
  shift 2
  save "$name" start --server "http://127.0.0.1:$port" --runs "$starts" -- "$@"
}

# Runs a benchmark, keeps its result, and shows it in a line. A failure is counted and does not end the run.
save() { # name, arguments of `catgraft bench`
  local name=$1 file=$output/results/$1.json
  shift
  local before=() after=()
  while [ $# -gt 0 ] && [ "$1" != -- ]; do
    before+=("$1")
    shift
  done
  after=("$@")
  note "catgraft bench ${before[*]} ${after[*]}"
  if ! "$program" bench "${before[@]}" --json "${after[@]}" >"$file" 2>"$work/error"; then
    failures=$((failures + 1))
    printf '%-28s FAILED\n' "$name"
    cat "$work/error" >&2
  fi
  [ -s "$file" ] || { rm -f "$file"; return 0; }
  python3 - "$name" "$file" <<'PYTHON'
import json, sys
name, file = sys.argv[1:]
found = json.load(open(file))
parts = [f"{found['per_second']:.0f}/s"] if found["requests"] else []
parts += [f"{of['of']} p50 {of['p50_us'] / 1000:.2f} p99 {of['p99_us'] / 1000:.2f} ms" for of in found["latencies"] if of["count"]]
parts += [f"{of['name']} {of['memory_peak_bytes'] >> 20} MiB" for of in found["processes"]]
parts += [f"{found['errors']['count']} ERRORS: {found['errors']['first'][0]}"] if found["errors"]["count"] else []
print(f"{name:<28} {', '.join(parts)}")
PYTHON
}

# Keeps a command for the report, without the addresses and numbers of this run.
note() {
  # shellcheck disable=SC2016 # the report says $volume
  printf '%s\n' "$*" | sed -E -e "s#$target/release/##g" -e "s#$work/##g" -e 's# --process [a-z]+=[0-9]+##g' \
    -e 's# --(metastore|pagestore) http[^ ]*##g' -e 's#(127.0.0.1:|--port )[0-9]+#\1PORT#g' \
    -e 's#--volume [A-Za-z0-9]+#--volume $volume#g' -e 's# +$##' >>"$output/commands.txt"
}

write_report() { # folder
  local commit
  commit=$(git -C "$root" describe --always --dirty 2>/dev/null || echo unknown)
  printf '\n'
  local options=(--commit "$commit")
  [ "$quick" = 0 ] || options+=(--quick)
  "$program" bench report "$1" "${options[@]}"
}
