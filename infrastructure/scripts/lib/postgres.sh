# shellcheck shell=bash
# One throw-away Postgres cluster for a whole run. Sourced by `test`; needs `postgres_programs` of requirements.sh.
#
# It listens on a socket in its own folder only, and lets in nobody but the user who runs the checks (peer
# authentication). Postgres refuses to run as root, so root runs it as the user `postgres` of Debian's package.

postgres_folder=

as_postgres() {
  if [ "$(id -u)" = 0 ]; then
    setpriv --reuid postgres --regid postgres --init-groups -- "$@"
  else
    "$@"
  fi
}

# Starts the cluster and exports CATGRAFT_TEST_POSTGRES, the URL of its superuser.
postgres_start() {
  local programs user
  programs=$(postgres_programs)
  user=$(id -un)
  # Not in TMPDIR: the path of a socket may have 107 bytes at most.
  postgres_folder=$(mktemp -d /tmp/catgraft-postgres.XXXXXX)
  [ "$(id -u)" != 0 ] || chown postgres: "$postgres_folder"
  chmod 755 "$postgres_folder"
  cd "$postgres_folder" || return
  {
    as_postgres "$programs/initdb" --pgdata "$postgres_folder/data" --username "$user" \
      --auth-local peer --auth-host reject --encoding UTF8 --no-locale &&
      as_postgres "$programs/pg_ctl" --pgdata "$postgres_folder/data" --log "$postgres_folder/log" --wait --silent \
        --options "-c listen_addresses='' -c unix_socket_directories='$postgres_folder' -c max_connections=300" start
  } >"$postgres_folder/start" 2>&1 </dev/null || {
    cat "$postgres_folder/start" "$postgres_folder/log" >&2
    echo "test: the throw-away Postgres does not start" >&2
    return 1
  }
  cd "$OLDPWD" || return
  export CATGRAFT_TEST_POSTGRES="postgres:///postgres?host=$postgres_folder&user=$user"
}

postgres_stop() {
  [ -n "$postgres_folder" ] || return 0
  (cd "$postgres_folder" && as_postgres "$(postgres_programs)/pg_ctl" --pgdata "$postgres_folder/data" --mode immediate --silent stop) >/dev/null 2>&1
  rm -rf "$postgres_folder"
  postgres_folder=
}
