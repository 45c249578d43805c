# A setting that uses a credential which nobody hands over.
{
  sentence = "services.catgraft.pagestore.settings uses $CREDENTIALS_DIRECTORY/metastore-token, but there is no services.catgraft.pagestore.credentials.metastore-token";
  change = {
    services.catgraft.pagestore.settings.token_file = "$CREDENTIALS_DIRECTORY/metastore-token";
  };
}
