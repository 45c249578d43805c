# Objects that are gone with the process.
{
  sentence = "services.catgraft.pagestore keeps its objects in memory, and loses them when it stops.";
  change = { lib, ... }: {
    services.catgraft.pagestore.settings.objectstore.type = lib.mkForce "memory";
  };
}
