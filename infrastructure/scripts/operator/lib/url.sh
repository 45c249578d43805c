# shellcheck shell=bash
# The URL of a Postgres database as the variables that psql and pg_dump read, so that no password stands on a command line.
# Sourced.

percent_decoded() { # text
  local text=${1//\\/\\\\}
  printf '%b' "${text//%/\\x}"
}

# Exports PGHOST, PGUSER and so on. The URL itself is never printed.
postgres_environment() { # URL
  local rest=${1#*://} parameters='' authority database server user pair name value
  [[ $1 == postgres://* || $1 == postgresql://* ]] || {
    echo "the URL of the database begins with neither postgres:// nor postgresql://" >&2
    return 1
  }
  [[ $rest != *'?'* ]] || { parameters=${rest#*'?'} rest=${rest%%'?'*}; }
  authority=${rest%%/*}
  database=${rest#"$authority"} database=${database#/}
  server=${authority##*@}
  if [ "$server" != "$authority" ]; then
    user=${authority%@*}
    export_decoded PGUSER "${user%%:*}"
    [[ $user != *:* ]] || export_decoded PGPASSWORD "${user#*:}"
  fi
  [ -z "$database" ] || export_decoded PGDATABASE "$database"
  if [[ $server =~ ^(\[[^]]*\]|[^:]*):([0-9]+)$ ]]; then
    export PGPORT=${BASH_REMATCH[2]}
    server=${BASH_REMATCH[1]}
  fi
  server=${server#[} server=${server%]}
  [ -z "$server" ] || export_decoded PGHOST "$server"
  local IFS='&'
  for pair in $parameters; do
    name=${pair%%=*} value=${pair#*=}
    case $name in
      host | port | user | password) export_decoded "PG${name^^}" "$value" ;;
      dbname) export_decoded PGDATABASE "$value" ;;
      sslmode | ssl-mode) export_decoded PGSSLMODE "$value" ;;
      sslrootcert | ssl-root-cert | ssl-ca) export_decoded PGSSLROOTCERT "$value" ;;
      sslcert | ssl-cert) export_decoded PGSSLCERT "$value" ;;
      sslkey | ssl-key) export_decoded PGSSLKEY "$value" ;;
      application_name) export_decoded PGAPPNAME "$value" ;;
      options) export_decoded PGOPTIONS "$value" ;;
      statement-cache-capacity) ;;
      *)
        echo "the URL of the database has the parameter $name, which these commands do not know" >&2
        return 1
        ;;
    esac
  done
}

export_decoded() { # variable, text of a URL
  local decoded
  decoded=$(percent_decoded "$2")
  export "$1=$decoded"
}
