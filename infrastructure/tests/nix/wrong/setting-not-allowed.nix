# A value that a setting does not take: the daemon refuses it when the system is built.
{
  sentence = "cache.space_limit = \"much\"";
  change = {
    services.catgraft.pagestore.settings.cache.space_limit = "much";
  };
}
