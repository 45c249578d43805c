# Stand-ins for the inputs of the flake, by name.
{ lib, hashMode }:
let
  systems = [
    "x86_64-linux"
    "aarch64-linux"
  ];
  perSystem = lib.genAttrs systems;
  fake = (import ./fake.nix { inherit lib; }) hashMode;
  pkgsFor = args: import ./pkgs.nix ({ inherit lib fake runTest; } // args);
  nixos = import ./nixos.nix {
    inherit lib fake pkgsFor;
    modulesDir = ./modules;
  };

  # A NixOS test: each node is evaluated, the script is kept.
  runTest =
    pkgs: test:
    let
      nodes = lib.mapAttrs (
        name: module:
        nixos.nixosSystem {
          inherit pkgs;
          modules = [
            module
            { networking.hostName = lib.mkDefault name; }
          ];
        }
      ) test.nodes;
    in
    fake {
      name = "vm-test-run-${test.name}";
      inherit (test) testScript;
      passthru = {
        inherit nodes;
        reports = lib.mapAttrs (_: n: n.report) nodes;
      };
    };

  program =
    pname:
    fake {
      inherit pname;
      version = "0";
      meta.mainProgram = pname;
    };
in
{
  inputs = {
    nixpkgs = {
      lib = lib // {
        inherit (nixos) nixosSystem;
      };
      legacyPackages = perSystem (system: pkgsFor { inherit system; });
    };

    agenix = {
      nixosModules.default = ./age.nix;
      packages = perSystem (_: {
        default = program "agenix";
      });
    };

    deploy-rs = {
      lib = perSystem (_: {
        activate.nixos =
          host:
          fake {
            name = "activatable-${host.config.system.build.toplevel.name}";
            activate = "$PROFILE/bin/switch-to-configuration switch";
          };
        deployChecks = deploy: {
          deploy-schema = fake {
            name = "jsonschema-deploy-system";
            inherit deploy;
          };
          deploy-activate = fake { name = "deploy-rs-check-activate"; };
        };
      });
      packages = perSystem (_: {
        default = program "deploy";
      });
    };

    crane.mkLib =
      _:
      let
        build = suffix: args: fake (args // { name = "${args.pname}${suffix}-${args.version}"; });
        self = {
          overrideToolchain = _: self;
          buildPackage = build "";
          buildDepsOnly = build "-deps";
          cargoClippy = build "-clippy";
          cargoDoc = build "-doc";
          cargoFmt = build "-fmt";
          cargoNextest = build "-nextest";
        };
      in
      self;

    # The versions of Rust that the locked rust-overlay is known to have.
    rust-overlay.lib.mkRustBin = _: _: {
      stable = lib.genAttrs [ "1.95.0" ] (_: {
        default = fake { name = "rust-default"; };
      });
    };
  };
}
