# The server of the tests: both services, Postgres, and Garage as its S3 server, each as a host has them.
{ pkgs, ... }:
let
  bucket = "catgraft";
  # Keys of a machine that lives for a minute.
  key = {
    id = "GK000102030405060708090a0b";
    secret = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
  };
  readableByRoot = text: {
    inherit text;
    mode = "0400";
  };
in
{
  environment.etc = {
    "catgraft-secrets/auth-key" =
      readableByRoot "707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f\n";
    "catgraft-secrets/s3-credentials" = readableByRoot ''
      [default]
      aws_access_key_id = ${key.id}
      aws_secret_access_key = ${key.secret}
    '';
  };

  services.catgraft = {
    metastore = {
      enable = true;
      createDatabaseLocally = true;
      openFirewall = true;
      credentials.auth-key = "/etc/catgraft-secrets/auth-key";
    };
    pagestore = {
      enable = true;
      openFirewall = true;
      credentials = {
        auth-key = "/etc/catgraft-secrets/auth-key";
        s3-credentials = "/etc/catgraft-secrets/s3-credentials";
      };
      settings = {
        log.level = "info,requests=debug";
        objectstore = {
          type = "s3_compatible";
          inherit bucket;
          endpoint = "http://127.0.0.1:3900";
          region = "garage";
        };
      };
    };
    backup.enable = true;
  };

  services.garage = {
    enable = true;
    package = pkgs.garage_2;
    settings = {
      replication_factor = 1;
      rpc_bind_addr = "127.0.0.1:3901";
      rpc_public_addr = "127.0.0.1:3901";
      rpc_secret = "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f";
      s3_api = {
        s3_region = "garage";
        api_bind_addr = "127.0.0.1:3900";
      };
    };
  };

  systemd.services.bucket = {
    description = "The bucket of the tests";
    requires = [ "garage.service" ];
    after = [ "garage.service" ];
    path = [ pkgs.garage_2 ];
    serviceConfig = {
      Type = "oneshot";
      RemainAfterExit = true;
      TimeoutStartSec = "60s";
    };
    script = ''
      until node=$(garage node id --quiet) && garage status; do sleep 0.2; done
      garage layout assign --zone here --capacity 1G "''${node%@*}"
      garage layout apply --version 1
      garage bucket create ${bucket}
      garage key import --yes -n tests ${key.id} ${key.secret}
      garage bucket allow --read --write ${bucket} --key ${key.id}
    '';
  };
  systemd.services.catgraft-pagestore = {
    requires = [ "bucket.service" ];
    after = [ "bucket.service" ];
  };

  virtualisation = {
    memorySize = 2048;
    cores = 2;
    # Garage wants a gigabyte to be free.
    diskSize = 4096;
  };
}
