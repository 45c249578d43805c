# shellcheck shell=bash
# The object store and the places that backups are kept in, as rclone names them. Sourced after prelude.sh.
#
# Segments are the only objects there are. They never change, and none is removed that a commit names, so a copy only
# ever has to add what it lacks. A copy that was cut off leaves a file that is too short, which the next one sees by its size.

backups=$CATGRAFT_BACKUP_FOLDER/backups # a folder for each, named by its moment
readonly segments=segments

# rclone without anything that it would look for by itself, but with the remotes that the operator gave.
rclone_quiet() {
  local config=''
  [ -z "${CATGRAFT_RCLONE_CREDENTIAL-}" ] || config=$(credential "$CATGRAFT_RCLONE_CREDENTIAL")
  RCLONE_CACHE_DIR=/tmp rclone --config="$config" --log-level=ERROR --low-level-retries=5 --contimeout=15s "$@"
}

# Copies what the target lacks. A source that is not there is an empty one.
copy_missing() { # source, target, more options of rclone
  local status=0
  rclone_quiet copy --size-only --fast-list "$@" || status=$?
  [ "$status" = 0 ] || [ "$status" = 3 ] || return "$status"
}

# Prints the names of the backups here, the oldest first.
backup_names() {
  [ ! -d "$backups" ] || find "$backups" -mindepth 1 -maxdepth 1 -type d ! -name '.*' -printf '%f\n' | sort
}

# Sets `store`, the segments of the object store, and what rclone needs for it.
store_environment() {
  case $CATGRAFT_OBJECTS_TYPE in
    fs)
      store=$CATGRAFT_OBJECTS_ROOT/$segments
      mkdir -p "$store"
      ;;
    s3_compatible)
      local endpoint=${CATGRAFT_OBJECTS_ENDPOINT:-${AWS_ENDPOINT_URL:-${AWS_ENDPOINT:-}}} prefix=${CATGRAFT_OBJECTS_PREFIX%/}
      export RCLONE_CONFIG_STORE_TYPE=s3 RCLONE_CONFIG_STORE_ENV_AUTH=true RCLONE_CONFIG_STORE_NO_CHECK_BUCKET=true
      # The way of listing that the pagestore itself needs.
      export RCLONE_CONFIG_STORE_LIST_VERSION=2
      export RCLONE_CONFIG_STORE_PROVIDER=AWS RCLONE_CONFIG_STORE_REGION=${CATGRAFT_OBJECTS_REGION:-us-east-1}
      if [ -n "$endpoint" ]; then
        export RCLONE_CONFIG_STORE_PROVIDER=Other RCLONE_CONFIG_STORE_ENDPOINT=$endpoint
        export RCLONE_CONFIG_STORE_FORCE_PATH_STYLE=${CATGRAFT_OBJECTS_PATH_STYLE:-true}
      fi
      if [ -n "${CATGRAFT_S3_CREDENTIAL-}" ]; then
        AWS_SHARED_CREDENTIALS_FILE=$(credential "$CATGRAFT_S3_CREDENTIAL")
        export AWS_SHARED_CREDENTIALS_FILE
        export RCLONE_CONFIG_STORE_SHARED_CREDENTIALS_FILE=$AWS_SHARED_CREDENTIALS_FILE
      fi
      store=store:$CATGRAFT_OBJECTS_BUCKET/${prefix:+$prefix/}$segments
      ;;
    *) fail "this host has no object store" ;;
  esac
}

# Sets `copy`, the place of the backup's segments: one for all backups, because what is in two of them is the same.
copy_environment() {
  copy=${CATGRAFT_BACKUP_DESTINATION:-$CATGRAFT_BACKUP_FOLDER}/objects/$segments
  [ -n "$CATGRAFT_BACKUP_DESTINATION" ] || mkdir -p "$copy"
}

# Prints `SIZE PATH` for each object of a place, in the order of the paths.
sizes_of() { # place
  rclone_quiet lsf --recursive --files-only --format=sp --separator=' ' --fast-list "$1" | sort -k 2
}
