# The catalog's database on this host: Postgres by its socket, with peer authentication, so that no password exists.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.catgraft.metastore;
  isLocal = cfg.enable && cfg.createDatabaseLocally;
  # ensureDBOwnership wants the role and its database to have one name, and peer authentication the user of the unit.
  name = "catgraft";
in
{
  options.services.catgraft.metastore.createDatabaseLocally =
    lib.mkEnableOption "a Postgres database for the catalog on this host";

  options.services.catgraft.metastore.postgresqlPackage = lib.mkPackageOption pkgs "postgresql_17" {
    extraDescription = ''
      Its programs dump and restore a database elsewhere, so its version should be the server's. For a database on this host,
      `services.postgresql.package` is the one.
    '';
  };

  config = lib.mkIf isLocal {
    services.catgraft.metastore.settings.catalog.url =
      "postgres:///${name}?host=/run/postgresql&user=${name}";

    services.postgresql = {
      enable = true;
      ensureDatabases = [ name ];
      ensureUsers = [
        {
          inherit name;
          ensureDBOwnership = true;
        }
      ];
    };

    # The target, because postgresql.service alone may still be without our role, or read-only.
    systemd.services.catgraft-metastore = {
      requires = [ "postgresql.target" ];
      after = [ "postgresql.target" ];
    };

    assertions = [
      {
        assertion = !(cfg.credentials ? catalog-url);
        message =
          "services.catgraft.metastore.createDatabaseLocally makes a database on this host, and credentials.catalog-url names "
          + "another. Remove one of the two.";
      }
    ];
  };
}
