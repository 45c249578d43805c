# A port that nobody can know.
{
  sentence = "services.catgraft.pagestore.settings.port is 0: a service needs a port that others can know.";
  change = {
    services.catgraft.pagestore.settings.port = 0;
  };
}
