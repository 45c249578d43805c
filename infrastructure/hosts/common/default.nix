# What every host on the internet has: people who may log in, how it is deployed to, and how it keeps itself tidy.
{ lib, modulesPath, ... }:
let
  keys = import ../../../secrets/keys.nix;
in
{
  imports = [
    (modulesPath + "/profiles/qemu-guest.nix")
    ./disk.nix
  ];

  services.openssh = {
    enable = true;
    settings = {
      PasswordAuthentication = false;
      KbdInteractiveAuthentication = false;
      PermitRootLogin = "no";
    };
  };

  # Deploys copy what was built elsewhere as this user, and switch with sudo.
  users.mutableUsers = false;
  users.users.deploy = {
    isNormalUser = true;
    description = "Deploys and operators";
    extraGroups = [
      "wheel"
      "systemd-journal"
    ];
    openssh.authorizedKeys.keys = lib.attrValues keys.people;
  };
  security.sudo.wheelNeedsPassword = false;
  nix.settings = {
    trusted-users = [
      "root"
      "deploy"
    ];
    experimental-features = [
      "nix-command"
      "flakes"
    ];
  };
  nix.gc = {
    automatic = true;
    dates = "weekly";
    # A rollback reaches back this far.
    options = "--delete-older-than 30d";
  };

  # What `journalctl` can look back on.
  services.journald.extraConfig = ''
    SystemMaxUse=4G
    MaxRetentionSec=60day
  '';

  time.timeZone = "UTC";
  system.stateVersion = "26.05";
}
