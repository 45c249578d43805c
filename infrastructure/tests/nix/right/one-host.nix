# Everything on one host. Each file of `wrong` changes one thing of this one.
{
  services.catgraft = {
    metastore = {
      enable = true;
      createDatabaseLocally = true;
      credentials.auth-key = "/run/secrets/auth-key";
    };
    pagestore = {
      enable = true;
      credentials.auth-key = "/run/secrets/auth-key";
      settings.objectstore.type = "fs";
    };
    backup.enable = true;
  };
}
