# A backup of objects that another host has.
{
  sentence = "services.catgraft.backup cannot copy objects, because there is no pagestore on this host. Set services.catgraft.backup.objects = \"none\"";
  change = { lib, ... }: { services.catgraft.pagestore.enable = lib.mkForce false; };
}
