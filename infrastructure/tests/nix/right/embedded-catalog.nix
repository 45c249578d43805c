# A small host that only its own programs reach: a catalog in a file, objects in a folder, no tokens, other ports.
{
  services.catgraft = {
    metastore = {
      enable = true;
      allowAnonymous = true;
      settings = {
        port = 4001;
        catalog.path = "/var/lib/catgraft/catalog.sqlite";
      };
    };
    pagestore = {
      enable = true;
      allowAnonymous = true;
      settings = {
        port = 4000;
        objectstore.type = "fs";
      };
    };
  };
}
