# A secret as a path, which Nix copies into the store.
{
  sentence = "which is or would be copied into the Nix store, where everybody can read it. Name a file on the host as a text";
  change = { lib, ... }: {
    services.catgraft.pagestore.credentials.auth-key = lib.mkForce ../right/one-host.nix;
  };
}
