# A backup on a host that has no metastore.
{
  sentence = "services.catgraft.backup dumps the catalog, and there is no metastore on this host. Enable the backup where the metastore is.";
  change = { lib, ... }: {
    services.catgraft = {
      metastore.enable = lib.mkForce false;
      pagestore.settings.metastore = "http://metastore.example.org:3001";
    };
  };
}
