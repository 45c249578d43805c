#!/usr/bin/env bash
# Sets up a Postgres database for the catalog on a developer's machine: makes it if it is not there, and its schema.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=infrastructure/scripts/operator/lib/url.sh
. "$root/infrastructure/scripts/operator/lib/url.sh"

usage() {
  cat <<'TEXT'
Usage: infrastructure/scripts/initdb.sh URL
       infrastructure/scripts/initdb.sh - < FILE

Makes the Postgres database that URL names, if it is not there, and brings its schema up to date. The user of the URL has to be
allowed to make databases, or the database has to be there. May be run again at any time; it removes nothing.

  infrastructure/scripts/initdb.sh postgres:///catgraft
  infrastructure/scripts/initdb.sh postgres://me@localhost/catgraft_dev

Command lines are visible to every user of a machine: give a URL with a password as - on stdin.

  CATGRAFT   the program catgraft, where it should not be built from this repository
TEXT
}

case ${1-} in
  --help) usage; exit 0 ;;
  '') usage >&2; exit 2 ;;
  -) url=$(head -n 1) ;;
  *) url=$1 ;;
esac
if [ $# -gt 1 ]; then
  usage >&2
  exit 2
fi
command -v psql >/dev/null || { echo "initdb.sh: psql is missing: install the client of Postgres" >&2; exit 1; }
postgres_environment "$url"
database=${PGDATABASE:-${PGUSER:-$(id -un)}}

exists() {
  local found
  found=$(PGDATABASE=postgres psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --set=name="$database" \
    <<<"SELECT 1 FROM pg_database WHERE datname = :'name'")
  [ "$found" = 1 ]
}

if exists; then
  echo "database $database: is there"
else
  createdb --encoding=UTF8 --template=template0 --maintenance-db=postgres "$database"
  echo "database $database: made"
fi
if [ -n "${CATGRAFT-}" ]; then
  program=("$CATGRAFT")
else
  program=(cargo run --quiet --manifest-path "$root/Cargo.toml" --bin catgraft --)
fi
exec "${program[@]}" migrate --url-file <(printf '%s' "$url")
