# No key for tokens.
{
  sentence = "services.catgraft.metastore has no key for tokens, so that everybody could call everything. Make one with `catgraft secret-key`";
  change = { lib, ... }: { services.catgraft.metastore.credentials = lib.mkForce { }; };
}
