# A secret that the sandbox does not let in.
{
  sentence = "services.catgraft.metastore.settings.auth.key_file is /run/secrets/other-key, which the service cannot read. Name the file in services.catgraft.metastore.credentials.auth-key instead.";
  change = { lib, ... }: {
    services.catgraft.metastore = {
      credentials = lib.mkForce { };
      settings.auth.key_file = "/run/secrets/other-key";
    };
  };
}
