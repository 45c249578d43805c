# A typo in the name of an option.
{
  sentence = "The option `services.catgraft.metastore.openFirewal' does not exist";
  change = {
    services.catgraft.metastore.openFirewal = true;
  };
}
