# A secret under a name of the operator's own choice, used in the settings; a pagestore that has a token instead of the key.
{
  services.catgraft = {
    metastore = {
      enable = true;
      createDatabaseLocally = true;
      credentials.key-of-2026 = "/run/secrets/key-of-2026";
      settings.auth.key_file = "$CREDENTIALS_DIRECTORY/key-of-2026";
    };
    pagestore = {
      enable = true;
      allowAnonymous = true;
      credentials.token = "/run/secrets/token";
      settings.objectstore.type = "fs";
    };
  };
}
