# A backup of a catalog that cannot be dumped.
{
  sentence = "services.catgraft.backup cannot dump an embedded catalog.";
  change = { lib, ... }: {
    services.catgraft.metastore = {
      createDatabaseLocally = lib.mkForce false;
      settings.catalog.path = "/var/lib/catgraft/catalog.sqlite";
    };
  };
}
