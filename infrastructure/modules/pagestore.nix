# The pagestore: takes pages and keeps them in segments in an object store.
{
  config,
  lib,
  ...
}:
let
  cfg = config.services.catgraft.pagestore;
  metastore = config.services.catgraft.metastore;
  store = cfg.settings.objectstore;
  inherit (store) type;
  # With the catalog on the same host, segments are registered there until the last push is done.
  isBesideMetastore = metastore.enable;
in
{
  imports = [
    (import ./lib/daemon.nix {
      name = "pagestore";
      title = "pages of volumes, in an object store";
      port = 3000;
      user = "catgraft-pagestore";
      # READY waits for the metastore, which waits for its database.
      timeoutStartSec = "2min";
      credentials = {
        auth-key = {
          setting = "auth.key";
          what = "key of the tokens, the same as the metastore's";
        };
        token = {
          setting = "token";
          what = "token for the metastore, where this pagestore has no key of its own";
        };
        s3-credentials = {
          what = "keys of the object store, as the AWS tools keep them in `~/.aws/credentials`";
        };
      };
      sandbox = {
        CacheDirectory = [ "catgraft-pagestore" ];
        CacheDirectoryMode = "0700";
      };
      # A file and not AWS_SECRET_ACCESS_KEY: it never is in the environment, and a new one needs a restart and no more.
      environment =
        cfg:
        {
          # Not everybody who serves is a machine of Amazon's, and asking takes seconds.
          AWS_EC2_METADATA_DISABLED = lib.boolToString (!cfg.useInstanceRole);
        }
        // lib.optionalAttrs (cfg.credentials ? s3-credentials) {
          AWS_SHARED_CREDENTIALS_FILE = "%d/s3-credentials";
        };
      settingsModule =
        { config, lib, ... }:
        {
          options.objectstore = {
            type = lib.mkOption {
              type = lib.types.enum [
                "memory"
                "fs"
                "s3_compatible"
              ];
              default = "memory";
              description = "Where segments are stored.";
            };
            root = lib.mkOption {
              type = lib.types.nullOr lib.types.str;
              default = if config.objectstore.type == "fs" then "/var/lib/catgraft-pagestore/objects" else null;
              defaultText = "/var/lib/catgraft-pagestore/objects for type fs";
              description = "Folder of the objects, for type fs.";
            };
          };
        };
    })
  ];

  options.services.catgraft.pagestore.useInstanceRole = lib.mkOption {
    type = lib.types.bool;
    default = false;
    description = "Take the keys of the object store from the role of this EC2 instance.";
  };

  config = lib.mkIf cfg.enable {
    services.catgraft.pagestore.settings = {
      metastore = lib.mkIf isBesideMetastore (
        lib.mkDefault (import ./lib/url.nix { inherit lib; } metastore)
      );
      cache.path = lib.mkDefault "/var/cache/catgraft-pagestore";
    };

    systemd.services.catgraft-pagestore = lib.mkIf isBesideMetastore {
      after = [ "catgraft-metastore.service" ];
    };

    assertions = [
      {
        assertion = type != "memory";
        message =
          "services.catgraft.pagestore keeps its objects in memory, and loses them when it stops. Set "
          + "services.catgraft.pagestore.settings.objectstore.type to \"s3_compatible\" or \"fs\".";
      }
      {
        assertion = type != "fs" || lib.hasPrefix "/var/lib/catgraft-pagestore/" (toString store.root);
        message =
          "services.catgraft.pagestore.settings.objectstore.root is ${toString store.root}, which the service cannot "
          + "write. Choose a folder in /var/lib/catgraft-pagestore/, and mount a disk there if it has to be another one.";
      }
      {
        assertion = type != "s3_compatible" || store.bucket or null != null;
        message = "services.catgraft.pagestore.settings.objectstore.bucket is missing: name the bucket of the segments.";
      }
      {
        assertion =
          type != "s3_compatible"
          || cfg.credentials ? s3-credentials
          || cfg.environmentFile != null
          || cfg.useInstanceRole;
        message =
          "services.catgraft.pagestore has no keys for its bucket. Name a file of AWS credentials in "
          + "services.catgraft.pagestore.credentials.s3-credentials, or set services.catgraft.pagestore.useInstanceRole = true.";
      }
      {
        assertion = cfg.settings.metastore or null != null;
        message =
          "services.catgraft.pagestore does not know its metastore, because it is not on this host. Set "
          + "services.catgraft.pagestore.settings.metastore to its URL.";
      }
      {
        assertion = !isBesideMetastore || metastore.settings.port != cfg.settings.port;
        message =
          "services.catgraft.metastore and services.catgraft.pagestore both listen on port ${toString cfg.settings.port}. "
          + "Set settings.port of one of them to another port.";
      }
    ];
  };
}
