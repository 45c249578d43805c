# The Rust workspace with crane: dependencies are built once, in `artifacts`, and everything else stands on them.
{
  pkgs,
  crane,
  rust-overlay,
}:
let
  inherit (pkgs) lib;
  root = ../..;
  workspace = (lib.importTOML (root + "/Cargo.toml")).workspace.package;
  toolchainFor = p: (rust-overlay.lib.mkRustBin { } p).stable."${workspace.rust-version}.0".default;
  craneLib = (crane.mkLib pkgs).overrideToolchain toolchainFor;

  common = {
    pname = "catgraft-workspace";
    inherit (workspace) version;
    strictDeps = true;
    cargoExtraArgs = "--locked --workspace";
    # The tests compare the README with the settings, and the schema with the migrations.
    src = lib.fileset.toSource {
      inherit root;
      fileset = lib.fileset.unions [
        (root + "/Cargo.toml")
        (root + "/Cargo.lock")
        (root + "/.clippy.toml")
        (root + "/.config")
        (root + "/rustfmt.toml")
        (root + "/README.md")
        (root + "/migrations")
        (root + "/packages")
      ];
    };
  };
  # With the dependencies of the tests. Of our crates they see empty ones, but for the clock that stands in for a dependency
  # of foyer, which has to be there.
  artifacts = craneLib.buildDepsOnly (
    common
    // {
      extraDummyScript = ''
        rm -r $out/packages/fastant
        cp -r --no-preserve=mode ${root + "/packages/fastant"} $out/packages/fastant
      '';
    }
  );
  built = craneLib.buildPackage (
    common
    // {
      cargoArtifacts = artifacts;
      # The tests are a check of their own.
      doCheck = false;
    }
  );
in
{
  inherit
    artifacts
    common
    craneLib
    ;
  toolchain = toolchainFor pkgs;

  # One program of the workspace.
  program =
    name: description:
    pkgs.runCommand "${name}-${workspace.version}"
      {
        pname = name;
        inherit (workspace) version;
        meta = {
          inherit description;
          mainProgram = name;
          license = with lib.licenses; [
            mit
            asl20
          ];
          platforms = lib.platforms.linux;
        };
      }
      ''
        install -D ${built}/bin/${name} $out/bin/${name}
      '';
}
