# A name for a service that is not on this host.
{
  sentence = "services.catgraft.proxy.pagestore is set, but there is no pagestore on this host.";
  change = { lib, ... }: {
    services.catgraft = {
      pagestore.enable = lib.mkForce false;
      backup.enable = lib.mkForce false;
      proxy = {
        enable = true;
        metastore = "m.example.org";
        pagestore = "p.example.org";
        acmeEmail = "o@example.org";
      };
    };
  };
}
