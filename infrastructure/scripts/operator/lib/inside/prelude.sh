# shellcheck shell=bash
# What every script that runs in a sandbox begins with: the host's facts, and the secrets that they name. Sourced.

inside_lib=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
# shellcheck source=infrastructure/scripts/operator/lib/common.sh
. "$inside_lib/../common.sh"
# shellcheck source=infrastructure/scripts/operator/lib/url.sh
. "$inside_lib/../url.sh"
load_facts
[ -z "${CATGRAFT_POSTGRES_BIN-}" ] || PATH=$CATGRAFT_POSTGRES_BIN:$PATH
export LC_ALL=C
# Whatever is made here is for this identity alone, as the daemons have it.
umask 077

# The path of a credential of this sandbox.
credential() { # name
  local path=${CREDENTIALS_DIRECTORY-}/$1
  [ -r "$path" ] || fail "this sandbox has no credential $1"
  printf '%s' "$path"
}

# Lets psql, pg_dump and so on find the catalog's database.
database_environment() {
  case $CATGRAFT_DATABASE_KIND in
    local)
      export PGHOST=$CATGRAFT_DATABASE_SOCKET PGUSER=$CATGRAFT_DATABASE_ROLE PGDATABASE=$CATGRAFT_DATABASE_NAME
      ;;
    url)
      local url=$CATGRAFT_DATABASE_URL file
      if [ -n "$CATGRAFT_DATABASE_CREDENTIAL" ]; then
        file=$(credential "$CATGRAFT_DATABASE_CREDENTIAL")
        url=$(tr -d '\n' <"$file")
      fi
      postgres_environment "$url"
      ;;
    *) fail "only a catalog in Postgres can be backed up and restored; this one is a file: stop the metastore and copy it" ;;
  esac
}
