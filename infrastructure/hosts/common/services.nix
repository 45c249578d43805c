# Both services, their catalog, proxy and backup on one host, with the secrets of the folder secrets/HOST.
#
# The hosts that are deployed to differ in names, bucket and sizes only, so that what runs on `catgraft-next` today is what
# runs on `catgraft` tomorrow.
{ config, ... }:
let
  secret = name: config.age.secrets.${name}.path;
  file = name: ../../../secrets + "/${config.networking.hostName}/${name}.age";
in
{
  age.secrets = {
    auth-key.file = file "auth-key";
    s3-credentials.file = file "s3-credentials";
    rclone-config.file = file "rclone-config";
  };

  services.catgraft = {
    metastore = {
      enable = true;
      createDatabaseLocally = true;
      credentials.auth-key = secret "auth-key";
    };
    pagestore = {
      enable = true;
      credentials = {
        auth-key = secret "auth-key";
        s3-credentials = secret "s3-credentials";
      };
      settings.objectstore.type = "s3_compatible";
    };
    proxy = {
      enable = true;
      acmeEmail = "operators@example.org";
    };
    backup = {
      enable = true;
      credentials.rclone-config = secret "rclone-config";
    };
  };
}
