# The packages of CatGraft, as additions to nixpkgs. The whole workspace is built once; every package is a part of it.
inputs: final: _prev:
let
  rust = import ./rust.nix {
    pkgs = final;
    inherit (inputs) crane rust-overlay;
  };
in
{
  catgraft = rust.program "catgraft" "The command line of CatGraft";
  catgraft-metastore = rust.program "metastore" "Keeps the catalog of CatGraft volumes";
  catgraft-pagestore = rust.program "pagestore" "Keeps the pages of CatGraft volumes in an object store";
  catgraft-operator = final.callPackage ./operator.nix { };
  # What the checks and the shell need, and nobody installs.
  catgraft-rust = rust;
}
