# The token itself among the settings.
{
  sentence = "services.catgraft.pagestore.settings.token would put a secret into the Nix store";
  change = {
    services.catgraft.pagestore.settings.token = "v4.local.x";
  };
}
