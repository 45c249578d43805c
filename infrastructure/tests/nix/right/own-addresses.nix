# Services on an address of the operator's choice, behind a proxy; a default of the module that is taken away.
{
  services.catgraft = {
    metastore = {
      enable = true;
      allowAnonymous = true;
      settings = {
        host = "10.0.0.5";
        catalog.path = "/var/lib/catgraft/catalog.sqlite";
        log.format = null;
      };
    };
    pagestore = {
      enable = true;
      allowAnonymous = true;
      settings = {
        host = "fd00::5";
        objectstore.type = "fs";
      };
    };
    proxy = {
      enable = true;
      metastore = "metastore.example.org";
      pagestore = "pagestore.example.org";
      acmeEmail = "operators@example.org";
    };
  };
}
