# shellcheck shell=bash
# Completion of the operator commands in bash. Installed under the name of each of them.

# Options that take a value of their own making: nothing is offered for it.
_catgraft_operator_free=' --volume --request --since --until --lines -n --expires --call '

_catgraft_operator() {
  local command=${1##*/} current=$2 previous=$3 words='--help'
  COMPREPLY=()
  case $previous in
    --level) words='error warn info debug' ;;
    --role) words='pagestore' ;;
    --verify) words="latest $(_catgraft_operator_backups)" ;;
    *)
      [[ $_catgraft_operator_free != *" $previous "* ]] || return 0
      case $command in
        catgraft-backup) words+=' --list --verify --json' ;;
        catgraft-logs)
          words+=' metastore pagestore backup --volume --request --call --level --since --until --lines --follow --json'
          ;;
        catgraft-migrate) words+=' --dry-run --json' ;;
        catgraft-restore) words+=" --overwrite --dry-run latest $(_catgraft_operator_backups)" ;;
        catgraft-start | catgraft-stop | catgraft-restart) words+=' metastore pagestore' ;;
        catgraft-status) words+=' --json' ;;
        catgraft-token) words+=' --expires --role --check --json' ;;
      esac
      ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

# The names of the backups, for who may see them.
_catgraft_operator_backups() {
  [ "$EUID" = 0 ] && catgraft-backup --list 2>/dev/null | cut -d ' ' -f 1
}

complete -F _catgraft_operator catgraft-backup catgraft-init catgraft-logs catgraft-migrate catgraft-restart catgraft-restore \
  catgraft-start catgraft-status catgraft-stop catgraft-token
