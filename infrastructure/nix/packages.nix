# What `nix build .#NAME` makes.
{ pkgs, ... }:
let
  images = import ./images.nix { inherit pkgs; };
in
{
  default = pkgs.catgraft;
  inherit (pkgs) catgraft;
  metastore = pkgs.catgraft-metastore;
  pagestore = pkgs.catgraft-pagestore;
  operator = pkgs.catgraft-operator;
  inherit (images) metastore-image pagestore-image;
}
