# A database on this host, and the URL of another.
{
  sentence = "services.catgraft.metastore.createDatabaseLocally makes a database on this host, and credentials.catalog-url names another. Remove one of the two.";
  change = {
    services.catgraft.metastore.credentials.catalog-url = "/run/secrets/catalog-url";
  };
}
