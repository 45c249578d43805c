# What the operator's commands need to know about this host, and the commands themselves.
#
# /etc/catgraft/operator.conf is read by shells, /etc/catgraft/sandbox/NAME.properties becomes options of `systemd-run`.
# Neither holds a secret.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  all = config.services.catgraft;
  inherit (all) metastore pagestore backup;
  isUsed = metastore.enable || pagestore.enable;
  render = import ./lib/render.nix { inherit lib pkgs; };

  catalog = metastore.settings.catalog or { };
  databaseKind =
    if !metastore.enable then
      ""
    else if metastore.createDatabaseLocally then
      "local"
    else if catalog.path or null != null then
      "file"
    else
      "url";
  local = lib.optionalString (databaseKind == "local");
  store = lib.optionalAttrs pagestore.enable (
    lib.filterAttrs (_: v: v != null) pagestore.settings.objectstore
  );

  url = import ./lib/url.nix { inherit lib; };
  # The name of the credential that a setting reads.
  credentialOf = file: lib.removePrefix "$CREDENTIALS_DIRECTORY/" (toString file);

  daemon =
    name:
    let
      cfg = all.${name};
      of = lib.optionalString cfg.enable;
      key = "CATGRAFT_${lib.toUpper name}";
    in
    {
      "${key}_UNIT" = of "catgraft-${name}.service";
      "${key}_BINARY" = of (lib.getExe' cfg.package name);
      "${key}_CONFIG" = of "${cfg.configFile}";
      "${key}_URL" = of (url cfg);
    };

  facts =
    daemon "metastore"
    // daemon "pagestore"
    // lib.optionalAttrs (!metastore.enable) {
      CATGRAFT_METASTORE_URL = pagestore.settings.metastore or "";
    }
    // {
      CATGRAFT_PARTS = toString (
        lib.optional metastore.enable "metastore" ++ lib.optional pagestore.enable "pagestore"
      );
      CATGRAFT_TARGET = "catgraft.target";
      CATGRAFT_SANDBOX = "/etc/catgraft/sandbox";
      CATGRAFT_CLI = lib.getExe' pkgs.catgraft "catgraft";
      CATGRAFT_AUTH_CREDENTIAL = credentialOf (
        (if metastore.enable then metastore else pagestore).settings.auth.key_file or ""
      );

      CATGRAFT_DATABASE_KIND = databaseKind;
      CATGRAFT_DATABASE_NAME = local "catgraft";
      CATGRAFT_DATABASE_ROLE = local "catgraft";
      CATGRAFT_DATABASE_SOCKET = local "/run/postgresql";
      CATGRAFT_DATABASE_UNIT = local "postgresql.target";
      CATGRAFT_DATABASE_CREDENTIAL = lib.optionalString (databaseKind == "url") (
        credentialOf (catalog.url_file or "")
      );
      # A URL without a password, which is no secret.
      CATGRAFT_DATABASE_URL = lib.optionalString (databaseKind == "url") (catalog.url or "");
      CATGRAFT_POSTGRES_BIN = "${
        if databaseKind == "local" then
          config.services.postgresql.finalPackage
        else
          metastore.postgresqlPackage
      }/bin";

      CATGRAFT_OBJECTS_TYPE = store.type or "";
      CATGRAFT_OBJECTS_ROOT = store.root or "";
      CATGRAFT_OBJECTS_BUCKET = store.bucket or "";
      CATGRAFT_OBJECTS_PREFIX = store.prefix or "";
      CATGRAFT_OBJECTS_ENDPOINT = store.endpoint or "";
      CATGRAFT_OBJECTS_REGION = store.region or "";
      CATGRAFT_OBJECTS_PATH_STYLE = lib.optionalString (store ? path_style) (
        lib.boolToString store.path_style
      );
      CATGRAFT_S3_CREDENTIAL = lib.optionalString (
        pagestore.credentials ? s3-credentials
      ) "s3-credentials";

      CATGRAFT_BACKUP_UNIT = lib.optionalString backup.enable "catgraft-backup.service";
      CATGRAFT_BACKUP_TIMER = lib.optionalString backup.enable "catgraft-backup.timer";
      CATGRAFT_BACKUP_FOLDER = lib.optionalString backup.enable "/var/lib/catgraft-backup";
      CATGRAFT_BACKUP_KEEP = lib.optionalString backup.enable (toString backup.keep);
      CATGRAFT_BACKUP_OBJECTS = lib.optionalString backup.enable backup.objects;
      CATGRAFT_BACKUP_DESTINATION = lib.optionalString backup.enable (toString backup.destination);
      CATGRAFT_RCLONE_CREDENTIAL = lib.optionalString (
        backup.credentials ? rclone-config
      ) "rclone-config";
    };

  operatorConf = lib.concatStrings (
    lib.mapAttrsToList (key: value: "${key}=${lib.escapeShellArg (toString value)}\n") facts
  );
  sandbox = name: {
    "catgraft/sandbox/${name}.properties" = {
      mode = "0444";
      text = render.properties all.${name}.sandbox;
    };
  };
in
{
  config = lib.mkIf isUsed {
    environment.systemPackages = [
      pkgs.catgraft
      pkgs.catgraft-operator
    ];

    environment.etc = lib.mkMerge [
      {
        "catgraft/operator.conf" = {
          mode = "0444";
          text = operatorConf;
        };
      }
      (lib.mkIf metastore.enable (sandbox "metastore"))
      (lib.mkIf pagestore.enable (sandbox "pagestore"))
      (lib.mkIf backup.enable (sandbox "backup"))
    ];

    # One name for both services: start, stop and restart act on it.
    systemd.targets.catgraft = {
      description = "CatGraft: the services of this host";
      wantedBy = [ "multi-user.target" ];
      wants =
        lib.optional metastore.enable "catgraft-metastore.service"
        ++ lib.optional pagestore.enable "catgraft-pagestore.service";
    };
  };
}
