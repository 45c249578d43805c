# A pagestore on a machine of Amazon's, behind a proxy, with a key of its own for clients.
{
  services.catgraft = {
    pagestore = {
      enable = true;
      useInstanceRole = true;
      environmentFile = "/run/secrets/environment";
      credentials.auth-key = "/run/secrets/auth-key";
      settings = {
        metastore = "https://metastore.example.org";
        objectstore = {
          type = "s3_compatible";
          bucket = "catgraft";
          region = "eu-central-1";
        };
      };
    };
    proxy = {
      enable = true;
      pagestore = "pagestore.example.org";
      acmeEmail = "operators@example.org";
    };
  };
}
