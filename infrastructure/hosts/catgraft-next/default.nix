# The host that runs tomorrow's version.
{
  imports = [
    ../common
    ../common/services.nix
  ];

  services.catgraft = {
    pagestore.settings = {
      objectstore = {
        bucket = "catgraft-next";
        endpoint = "https://s3.example.org";
        region = "eu-central-1";
      };
      cache.space_limit = "10 GB";
    };
    proxy = {
      metastore = "metastore.next.catgraft.example.org";
      pagestore = "pagestore.next.catgraft.example.org";
    };
    backup = {
      destination = "elsewhere:catgraft-backup/catgraft-next";
      keep = 7;
    };
  };
}
