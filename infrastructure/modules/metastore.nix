# The metastore: keeps the catalog in Postgres (database.nix) or in an embedded file.
{
  config,
  lib,
  ...
}:
let
  cfg = config.services.catgraft.metastore;
  catalog = cfg.settings.catalog or { };
  ways = lib.filter (n: catalog.${n} or null != null) [
    "path"
    "url"
    "url_file"
  ];
in
{
  imports = [
    (import ./lib/daemon.nix {
      name = "metastore";
      title = "the catalog of volumes, commits and segments";
      port = 3001;
      user = "catgraft";
      # A start may bring the schema up to date. `activationTimeout` of a deploy is above the sum of both daemons'.
      timeoutStartSec = "15min";
      credentials = {
        auth-key = {
          setting = "auth.key";
          what = "key of the tokens, as `catgraft secret-key` makes it";
        };
        catalog-url = {
          setting = "catalog.url";
          what = "URL of the Postgres database, where it holds a password";
        };
      };
    })
  ];

  config = lib.mkIf cfg.enable {
    # A deploy is one step. Who wants to migrate by hand, before it, sets this to false.
    services.catgraft.metastore.settings.catalog.migrate = lib.mkDefault true;

    assertions = [
      {
        assertion = ways != [ ];
        message =
          "services.catgraft.metastore has no catalog. Set services.catgraft.metastore.createDatabaseLocally = true for a "
          + "Postgres on this host, services.catgraft.metastore.credentials.catalog-url for one elsewhere, or "
          + "services.catgraft.metastore.settings.catalog.path for an embedded one.";
      }
      {
        # Of a database here and a URL of another one, database.nix tells.
        assertion = lib.length ways < 2 || (cfg.createDatabaseLocally && cfg.credentials ? catalog-url);
        message =
          "services.catgraft.metastore has more than one catalog: settings.catalog.${lib.concatStringsSep " and settings.catalog." ways}. "
          + "Keep one of them.";
      }
      {
        assertion =
          catalog.path or null == null || lib.hasPrefix "/var/lib/catgraft/" (toString catalog.path);
        message =
          "services.catgraft.metastore.settings.catalog.path is ${toString catalog.path or null}, which the service cannot write. "
          + "Choose a file in /var/lib/catgraft/.";
      }
    ];
  };
}
