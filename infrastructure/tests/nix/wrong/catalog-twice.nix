# A catalog in a database and in a file.
{
  sentence = "services.catgraft.metastore has more than one catalog: settings.catalog.path and settings.catalog.url. Keep one of them.";
  change = { lib, ... }: {
    services.catgraft = {
      metastore.settings.catalog.path = "/var/lib/catgraft/catalog.sqlite";
      backup.enable = lib.mkForce false;
    };
  };
}
