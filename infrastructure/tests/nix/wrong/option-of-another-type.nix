# A text where a number belongs.
{
  sentence = "A definition for option `services.catgraft.metastore.settings.port' is not of type";
  change = {
    services.catgraft.metastore.settings.port = "3001";
  };
}
