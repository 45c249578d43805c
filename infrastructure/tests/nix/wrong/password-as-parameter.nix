# A URL with a password as a parameter among the settings.
{
  sentence = "services.catgraft.metastore.settings.catalog.url would put a secret into the Nix store";
  change = { lib, ... }: {
    services.catgraft.metastore = {
      createDatabaseLocally = lib.mkForce false;
      settings.catalog.url = "postgres:///catgraft?host=db.example.org&password=secret";
    };
  };
}
