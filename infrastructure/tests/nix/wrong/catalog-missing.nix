# A metastore without a catalog.
{
  sentence = "services.catgraft.metastore has no catalog. Set services.catgraft.metastore.createDatabaseLocally = true";
  change = { lib, ... }: { services.catgraft.metastore.createDatabaseLocally = lib.mkForce false; };
}
