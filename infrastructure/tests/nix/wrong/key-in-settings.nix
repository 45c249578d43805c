# The key itself among the settings.
{
  sentence = "services.catgraft.metastore.settings.auth.key would put a secret into the Nix store, where everybody can read it. Put it into a file on the host, and name that file in services.catgraft.metastore.credentials.auth-key.";
  change = {
    services.catgraft.metastore.settings.auth.key = "aa";
  };
}
