# shellcheck shell=bash
# The tree that the container starts from: Debian with systemd, Postgres and what the operator commands call. Sourced by
# `run`; made once and kept outside of the repository, so that a second run is fast.

base_packages=(systemd systemd-sysv dbus libnss-systemd postgresql-15 bash-completion curl jq rclone)

# Bump it when what this file makes changes.
base_version=1

base_make() { # folder of kept trees; prints nothing, sets base_tree
  local cache=$1
  base_tree=$cache/bookworm-$base_version
  [ -e "$base_tree/.complete" ] && return
  rm -rf "$base_tree" && mkdir -p "$base_tree" || return
  echo "systemd: making the tree in $base_tree (once)"
  local include
  include=$(IFS=,; echo "${base_packages[*]}")
  if ! debootstrap --variant=minbase --include="$include" bookworm "$base_tree" >"$cache/debootstrap.log" 2>&1; then
    tail -n 20 "$cache/debootstrap.log" >&2
    echo "systemd: debootstrap failed; all that it said is in $cache/debootstrap.log" >&2
    return 1
  fi
  rm -f "$base_tree"/etc/{machine-id,hostname} "$base_tree"/var/cache/apt/archives/*.deb
  # What NixOS calls the moment from which Postgres takes writes.
  cat >"$base_tree/etc/systemd/system/postgresql.target" <<'UNIT'
[Unit]
Description=PostgreSQL
Requires=postgresql@15-main.service
After=postgresql@15-main.service

[Install]
WantedBy=multi-user.target
UNIT
  systemctl --root="$base_tree" --quiet enable postgresql.target
  systemctl --root="$base_tree" --quiet mask getty-static.service console-getty.service apt-daily.timer apt-daily-upgrade.timer \
    dpkg-db-backup.timer e2scrub_all.timer fstrim.timer systemd-networkd.service systemd-resolved.service systemd-timesyncd.service
  : >"$base_tree/.complete"
}
