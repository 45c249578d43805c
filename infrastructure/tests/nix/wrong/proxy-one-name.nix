# One name for both services.
{
  sentence = "services.catgraft.proxy.metastore and services.catgraft.proxy.pagestore are both c.example.org. Give each service a name of its own.";
  change = {
    services.catgraft.proxy = {
      enable = true;
      metastore = "c.example.org";
      pagestore = "c.example.org";
      acmeEmail = "o@example.org";
    };
  };
}
