# A file that the sandbox does not let the metastore write.
{
  sentence = "services.catgraft.metastore.settings.catalog.path is /srv/catalog.sqlite, which the service cannot write. Choose a file in /var/lib/catgraft/.";
  change = { lib, ... }: {
    services.catgraft = {
      metastore.createDatabaseLocally = lib.mkForce false;
      metastore.settings.catalog.path = "/srv/catalog.sqlite";
      backup.enable = lib.mkForce false;
    };
  };
}
