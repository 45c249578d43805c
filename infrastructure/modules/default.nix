# The NixOS module of CatGraft. Each file is one part; a host enables the parts that it has.
{
  imports = [
    ./metastore.nix
    ./pagestore.nix
    ./database.nix
    ./proxy.nix
    ./backup.nix
    ./operator.nix
  ];
}
