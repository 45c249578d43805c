# A typo in the name of a setting: the daemon refuses it when the system is built.
{
  sentence = "sets \"catalog.max_connection\", which does not exist; did you mean catalog.max_connections?";
  change = {
    services.catgraft.metastore.settings.catalog.max_connection = 4;
  };
}
