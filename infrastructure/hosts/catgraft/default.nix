# The host that clients use.
{
  imports = [
    ../common
    ../common/services.nix
  ];

  services.catgraft = {
    pagestore.settings = {
      objectstore = {
        bucket = "catgraft";
        endpoint = "https://s3.example.org";
        region = "eu-central-1";
      };
      cache.space_limit = "40 GB";
      cache.memory_limit = "1 GiB";
    };
    proxy = {
      metastore = "metastore.catgraft.example.org";
      pagestore = "pagestore.catgraft.example.org";
    };
    backup = {
      destination = "elsewhere:catgraft-backup/catgraft";
      keep = 30;
    };
  };
}
