# What must hold before a deploy: `nix flake check`. The tests with virtual machines are apart, in infrastructure/tests/vm.
{
  inputs,
  pkgs,
  system,
}:
let
  inherit (pkgs.catgraft-rust) artifacts common craneLib;
  onArtifacts = common // {
    cargoArtifacts = artifacts;
  };
in
{
  fmt = craneLib.cargoFmt { inherit (common) pname version src; };

  clippy = craneLib.cargoClippy (
    onArtifacts // { cargoClippyExtraArgs = "--all-targets -- -D warnings"; }
  );

  doc = craneLib.cargoDoc (
    onArtifacts
    // {
      cargoDocExtraArgs = "--no-deps";
      RUSTDOCFLAGS = "-D warnings";
    }
  );

  tests = craneLib.cargoNextest (
    onArtifacts
    // {
      nativeBuildInputs = [
        # HTTP clients refuse to be made where no certificate is trusted.
        pkgs.cacert
        pkgs.postgresql_17
      ];
      # A throw-away cluster that only this build reaches.
      preCheck = ''
        postgres=$NIX_BUILD_TOP/postgres
        mkdir "$postgres"
        initdb --pgdata="$postgres/data" --username=tests --auth=trust --encoding=UTF8 --no-locale
        pg_ctl --pgdata="$postgres/data" --wait start \
          --options="-c listen_addresses= -c unix_socket_directories=$postgres -c max_connections=300"
        export CATGRAFT_TEST_POSTGRES="postgres:///postgres?host=$postgres&user=tests"
      '';
      postCheck = ''pg_ctl --pgdata="$postgres/data" --mode=immediate stop'';
    }
  );
}
// inputs.deploy-rs.lib.${system}.deployChecks inputs.self.deploy
