# Backups: the command `catgraft-backup` by a timer. The dump of the catalog is made first, and objects are copied after it:
# objects are only ever added, so that they hold all that the dump names.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  all = config.services.catgraft;
  cfg = all.backup;
  # The objects of a folder belong to the pagestore's identity, and so do their copies.
  user = if all.pagestore.enable then "catgraft-pagestore" else "catgraft-backup";
  pagestore = all.pagestore.sandbox;
  outside = import ./lib/outside-store.nix { inherit lib; };
in
{
  options.services.catgraft.backup = {
    enable = lib.mkEnableOption "regular backups of the catalog and the objects";
    startAt = mkOption {
      type = types.str;
      default = "*-*-* 03:30:00";
      description = "When, as in systemd.time(7).";
    };
    keep = mkOption {
      type = types.ints.positive;
      default = 14;
      description = "How many backups stay.";
    };
    objects = mkOption {
      type = types.enum [
        "copy"
        "none"
      ];
      default = "copy";
      description = "`none` for a bucket that keeps versions or copies of its own.";
    };
    destination = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "elsewhere:catgraft-backup/production";
      description = ''
        Where backups go besides this host, as rclone names it: a remote of the credential `rclone-config`, and a path.
      '';
    };
    credentials = mkOption {
      type = types.attrsOf (types.either types.path types.str);
      default = { };
      example = {
        rclone-config = "/run/agenix/rclone-config";
      };
      description = "Secrets of the backup: name to file on the host. `rclone-config` is the configuration of rclone.";
    };
    sandbox = mkOption {
      internal = true;
      readOnly = true;
      type = types.attrsOf types.anything;
      description = "What `systemd-run` needs to read objects and to write backups.";
    };
  };

  config = lib.mkMerge [
    {
      services.catgraft.backup.sandbox = {
        serviceConfig = import ./hardening.nix // {
          DynamicUser = true;
          User = user;
          StateDirectoryMode = "0700";
          WorkingDirectory = "/var/lib/catgraft-backup";
          StateDirectory = lib.optional all.pagestore.enable "catgraft-pagestore" ++ [ "catgraft-backup" ];
          # Of the pagestore's secrets only those of the bucket.
          LoadCredential = lib.mapAttrsToList (n: file: "${n}:${toString file}") (
            lib.optionalAttrs all.pagestore.enable (
              lib.filterAttrs (n: _: n == "s3-credentials") all.pagestore.credentials
            )
            // cfg.credentials
          );
          EnvironmentFile = lib.optionals all.pagestore.enable pagestore.serviceConfig.EnvironmentFile;
        };
        environment = lib.optionalAttrs all.pagestore.enable pagestore.environment;
      };
    }
    (lib.mkIf cfg.enable {
      systemd.services.catgraft-backup = {
        description = "CatGraft backup: the catalog, then the objects";
        after = [
          "network-online.target"
          "catgraft.target"
        ];
        wants = [ "network-online.target" ];
        inherit (cfg) startAt;
        # A deploy neither starts nor stops one.
        restartIfChanged = false;
        stopIfChanged = false;
        # It starts the work in the sandboxes of others and pipes from one to the next: root, and nothing else of root's.
        serviceConfig = import ./hardening.nix // {
          Type = "oneshot";
          ExecStart = "${pkgs.catgraft-operator}/bin/catgraft-backup";
          PrivateUsers = false;
          RestrictAddressFamilies = [ "AF_UNIX" ];
          TimeoutStartSec = "12h";
        };
      };
      systemd.timers.catgraft-backup.timerConfig = {
        Persistent = true;
        RandomizedDelaySec = "10min";
      };

      assertions = [
        {
          assertion = all.metastore.enable;
          message = "services.catgraft.backup dumps the catalog, and there is no metastore on this host. Enable the backup where the metastore is.";
        }
        {
          assertion = all.metastore.settings.catalog.path or null == null;
          message = "services.catgraft.backup cannot dump an embedded catalog. Set services.catgraft.metastore.createDatabaseLocally = true, or disable the backup.";
        }
        {
          assertion = cfg.objects == "none" || all.pagestore.enable;
          message = "services.catgraft.backup cannot copy objects, because there is no pagestore on this host. Set services.catgraft.backup.objects = \"none\", and let the bucket keep versions of its own.";
        }
        {
          assertion =
            cfg.objects == "copy"
            || !all.pagestore.enable
            || all.pagestore.settings.objectstore.type == "s3_compatible";
          message = "services.catgraft.backup.objects is \"none\", which is only safe for a bucket that keeps versions of its own. Set it to \"copy\".";
        }
        {
          assertion = cfg.destination == null || cfg.credentials ? rclone-config;
          message = "services.catgraft.backup.destination needs a configuration of rclone: name its file in services.catgraft.backup.credentials.rclone-config.";
        }
      ]
      ++ lib.mapAttrsToList (n: outside "services.catgraft.backup.credentials.${n}") cfg.credentials;
    })
  ];
}
