# A secret that is in the store already.
{
  sentence = "services.catgraft.metastore.credentials.auth-key is /nix/store/00000000000000000000000000000000-auth-key, which is or would be copied into the Nix store";
  change = { lib, ... }: {
    services.catgraft.metastore.credentials.auth-key =
      lib.mkForce "/nix/store/00000000000000000000000000000000-auth-key";
  };
}
