{
  description = "CatGraft: a self-hosted backend for replicated SQLite";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";
    rust-overlay = {
      url = "github:oxalica/rust-overlay";
      inputs.nixpkgs.follows = "nixpkgs";
    };
    crane.url = "github:ipetkov/crane";
    agenix = {
      url = "github:ryantm/agenix";
      inputs.nixpkgs.follows = "nixpkgs";
      inputs.darwin.follows = "";
      inputs.home-manager.follows = "";
    };
    deploy-rs = {
      url = "github:serokell/deploy-rs";
      inputs.nixpkgs.follows = "nixpkgs";
      inputs.flake-compat.follows = "";
    };
  };

  outputs =
    inputs@{ self, nixpkgs, ... }:
    let
      forSystems =
        f:
        nixpkgs.lib.genAttrs [ "x86_64-linux" "aarch64-linux" ] (
          system:
          f {
            inherit inputs system;
            pkgs = nixpkgs.legacyPackages.${system}.extend self.overlays.default;
          }
        );
    in
    {
      overlays.default = import ./infrastructure/nix/overlay.nix inputs;
      packages = forSystems (import ./infrastructure/nix/packages.nix);
      apps = forSystems (import ./infrastructure/nix/apps.nix);
      devShells = forSystems (import ./infrastructure/nix/shells.nix);
      formatter = forSystems ({ pkgs, ... }: pkgs.nixfmt-tree);

      # Of these, a deploy waits for `checks` only.
      checks = forSystems (import ./infrastructure/nix/checks.nix);
      vmTests = forSystems (import ./infrastructure/tests/vm);

      nixosModules.default = import ./infrastructure/nix/nixos-module.nix inputs;
      nixosConfigurations = import ./infrastructure/nix/hosts.nix inputs;
      deploy = import ./infrastructure/nix/deploy.nix inputs;
    };
}
