# A pagestore that does not know its metastore.
{
  sentence = "services.catgraft.pagestore does not know its metastore, because it is not on this host.";
  change = { lib, ... }: {
    services.catgraft = {
      metastore.enable = lib.mkForce false;
      backup.enable = lib.mkForce false;
    };
  };
}
