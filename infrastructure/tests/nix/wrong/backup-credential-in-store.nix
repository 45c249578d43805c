# The configuration of rclone as a path.
{
  sentence = "services.catgraft.backup.credentials.rclone-config is ";
  change = {
    services.catgraft.backup.credentials.rclone-config = ../right/one-host.nix;
  };
}
