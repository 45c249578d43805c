# What `nix develop` gives: all that the test command and a deploy need.
{
  inputs,
  pkgs,
  system,
}:
{
  default = pkgs.mkShell {
    packages = [
      pkgs.catgraft-rust.toolchain
      pkgs.cargo-nextest
      pkgs.postgresql_17
      pkgs.sqlx-cli
      pkgs.python3
      pkgs.shellcheck
      pkgs.nixfmt
      pkgs.deadnix
      inputs.agenix.packages.${system}.default
      inputs.deploy-rs.packages.${system}.default
    ];
  };
}
