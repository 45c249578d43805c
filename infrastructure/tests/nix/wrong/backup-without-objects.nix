# A folder of objects that is not backed up.
{
  sentence = "services.catgraft.backup.objects is \"none\", which is only safe for a bucket that keeps versions of its own.";
  change = {
    services.catgraft.backup.objects = "none";
  };
}
