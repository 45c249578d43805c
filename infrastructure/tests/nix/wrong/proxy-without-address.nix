# A proxy without an address for the certificate authority.
{
  sentence = "services.catgraft.proxy.acmeEmail is not set";
  change = {
    services.catgraft.proxy = {
      enable = true;
      metastore = "m.example.org";
      pagestore = "p.example.org";
    };
  };
}
