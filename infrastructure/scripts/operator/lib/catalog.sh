# shellcheck shell=bash disable=SC2154 # common.sh sets what is not set here
# What the catalog says of itself, as JSON. Sourced after sandbox.sh. The program that knows the catalog is asked, in the sandbox of the
# metastore; no SQL stands here.

# Prints {"schema": what it has, "schema_wanted": what the installed program wants}.
catalog_schema() {
  sandbox metastore "$CATGRAFT_CLI" migrate --config "$CATGRAFT_METASTORE_CONFIG" --dry-run --json </dev/null |
    jq -c '{ schema: .before, schema_wanted: .after }'
}

# Prints the head with the newest commit of all, or null where there is no commit yet. The schema has to be the program's.
catalog_newest_commit() {
  sandbox metastore "$CATGRAFT_CLI" volume list --newest 1 --json --config "$CATGRAFT_METASTORE_CONFIG" </dev/null | jq -c '.[0]'
}

# Has the catalog no volume? One whose schema this program does not know may have some.
catalog_is_empty() {
  local schema
  schema=$(catalog_schema) || return
  [ "$(jq .schema <<<"$schema")" != 0 ] || return 0
  [ "$(jq '.schema == .schema_wanted' <<<"$schema")" = true ] && [ "$(catalog_newest_commit)" = null ]
}
