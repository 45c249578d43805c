# A destination that rclone does not know.
{
  sentence = "services.catgraft.backup.destination needs a configuration of rclone";
  change = {
    services.catgraft.backup.destination = "elsewhere:backup";
  };
}
