# A URL with a password among the settings.
{
  sentence = "services.catgraft.metastore.settings.catalog.url would put a secret into the Nix store, where everybody can read it. Put it into a file on the host, and name that file in services.catgraft.metastore.credentials.catalog-url.";
  change = { lib, ... }: {
    services.catgraft.metastore = {
      createDatabaseLocally = lib.mkForce false;
      settings.catalog.url = "postgres://catgraft:secret@db.example.org/catgraft";
    };
  };
}
