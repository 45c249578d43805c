# A file of environment variables as a path.
{
  sentence = "services.catgraft.pagestore.environmentFile is ";
  change = {
    services.catgraft.pagestore.environmentFile = ../right/one-host.nix;
  };
}
