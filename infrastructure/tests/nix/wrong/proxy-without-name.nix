# A proxy in front of a service without a name.
{
  sentence = "services.catgraft.proxy.pagestore is not set: name the host name under which clients reach the pagestore";
  change = {
    services.catgraft.proxy = {
      enable = true;
      metastore = "m.example.org";
      acmeEmail = "o@example.org";
    };
  };
}
