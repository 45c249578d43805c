# What `nix run` does: both services on this machine, with nothing to set up.
{ pkgs, ... }:
{
  default = {
    type = "app";
    program = "${pkgs.writeShellScript "catgraft-dev" ''exec ${pkgs.catgraft}/bin/catgraft dev "$@"''}";
    meta.description = "Serve CatGraft on this machine";
  };
}
