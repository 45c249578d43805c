# A metastore with a database elsewhere, whose URL is a secret; the bucket keeps versions of its own.
{
  services.catgraft = {
    metastore = {
      enable = true;
      openFirewall = true;
      credentials = {
        auth-key = "/run/secrets/auth-key";
        catalog-url = "/run/secrets/catalog-url";
      };
    };
    backup = {
      enable = true;
      objects = "none";
    };
  };
}
