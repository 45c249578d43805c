# A service on the port of the proxy.
{
  sentence = "A service listens on port 80 or 443, which services.catgraft.proxy needs.";
  change = {
    services.catgraft = {
      metastore.settings.port = 443;
      proxy = {
        enable = true;
        metastore = "m.example.org";
        pagestore = "p.example.org";
        acmeEmail = "o@example.org";
      };
    };
  };
}
