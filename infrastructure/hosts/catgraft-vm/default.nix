# Everything on one machine that needs nothing outside of it: a virtual machine to look around in, and what the tests run.
{ pkgs, ... }:
let
  key = "/var/lib/catgraft-key/auth-key";
  needsKey = {
    requires = [ "catgraft-key.service" ];
    after = [ "catgraft-key.service" ];
  };
in
{
  services.catgraft = {
    metastore = {
      enable = true;
      createDatabaseLocally = true;
      openFirewall = true;
      credentials.auth-key = key;
      # As an operator does it who wants to see migrations: catgraft-init, catgraft-migrate, catgraft-start.
      settings.catalog.migrate = false;
    };
    pagestore = {
      enable = true;
      openFirewall = true;
      credentials.auth-key = key;
      settings = {
        objectstore.type = "fs";
        # Every request, for who looks for one in the journal.
        log.level = "info,requests=debug";
      };
    };
    backup = {
      enable = true;
      keep = 3;
    };
  };

  # A key of its own for every machine, made when it first starts.
  systemd.services = {
    catgraft-key = {
      description = "CatGraft: the key of this machine";
      unitConfig.ConditionPathExists = "!${key}";
      serviceConfig = {
        Type = "oneshot";
        UMask = "0077";
        StateDirectory = "catgraft-key";
        StateDirectoryMode = "0700";
      };
      script = ''
        ${pkgs.catgraft}/bin/catgraft secret-key > ${key}.new
        mv ${key}.new ${key}
      '';
    };
    catgraft-metastore = needsKey;
    catgraft-pagestore = needsKey;
  };

  users.users.root.initialHashedPassword = "";
  services.getty.autologinUser = "root";
  virtualisation.vmVariant.virtualisation = {
    memorySize = 2048;
    cores = 2;
    graphics = false;
    forwardPorts = [
      {
        from = "host";
        host.port = 3000;
        guest.port = 3000;
      }
      {
        from = "host";
        host.port = 3001;
        guest.port = 3001;
      }
    ];
  };
  boot.loader.grub.device = "/dev/vda";
  fileSystems."/" = {
    device = "/dev/disk/by-label/nixos";
    fsType = "ext4";
  };
  system.stateVersion = "26.05";
}
