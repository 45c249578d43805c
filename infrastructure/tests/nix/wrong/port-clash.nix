# Both services on one port.
{
  sentence = "services.catgraft.metastore and services.catgraft.pagestore both listen on port 3000. Set settings.port of one of them to another port.";
  change = {
    services.catgraft.metastore.settings.port = 3000;
  };
}
