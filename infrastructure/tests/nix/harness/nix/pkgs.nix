# A package set of fake derivations: the names that the flake uses, and the builders that keep what they are given.
# A name that is not here is an error, as a typo would be.
{
  lib,
  fake,
  runTest,
  system,
  overlays ? [ ],
}:
let
  toTOML = import ./toml.nix { inherit lib; };

  # name, main program where it has another name, version where it matters
  known = [
    "autoPatchelfHook"
    "bash"
    "cacert"
    "caddy"
    "cargo-nextest"
    "coreutils"
    "curl"
    "deadnix"
    "findutils"
    "garage_2=garage"
    "gawk=awk"
    "glibcLocales:2.40"
    "gnugrep=grep"
    "gnused=sed"
    "installShellFiles"
    "jq"
    "makeWrapper"
    "nix"
    "nixfmt"
    "nixfmt-tree=treefmt"
    "openssh=ssh"
    "postgresql_17=psql:17.6"
    "rclone"
    "shellcheck"
    "sqlx-cli=sqlx"
    "systemd=systemctl:258.2"
    "tzdata:2025b"
    "util-linux=mount"
  ];
  parse =
    text:
    let
      versioned = lib.splitString ":" text;
      named = lib.splitString "=" (lib.head versioned);
      pname = lib.head named;
    in
    lib.nameValuePair pname (fake {
      inherit pname;
      version = if lib.length versioned > 1 then lib.last versioned else "0";
      meta.mainProgram = lib.last named;
    });

  base = final: {
    inherit lib system overlays;
    pkgs = final;
    callPackage = lib.callPackageWith final;
    extend = overlay: mkSet (overlays ++ [ overlay ]);
    appendOverlays = more: mkSet (overlays ++ more);
    runtimeShell = "${final.bash}/bin/bash";

    stdenv = {
      cc.cc = fake { name = "gcc-lib"; };
      hostPlatform = lib.systems.elaborate system;
      mkDerivation = fake;
    };
    stdenvNoCC = final.stdenv;
    mkShell = args: fake ({ name = "nix-shell"; } // args);

    python3 = fake {
      pname = "python3";
      version = "0";
      pkgs = {
        apsw = fake { name = "apsw"; };
        buildPythonPackage = fake;
        fetchPypi = fake;
      };
      withPackages =
        choose:
        fake {
          name = "python3-env";
          packages = choose final.python3.pkgs;
        };
    };

    runCommand =
      name: env: command:
      fake (
        env
        // {
          inherit name;
          buildCommand = command;
          _seed = "${name}:${command}";
        }
      );
    runCommandLocal = final.runCommand;
    writeTextFile = args@{ name, text, ... }: fake (args // { _seed = "${name}:${text}"; });
    writeText = name: text: final.writeTextFile { inherit name text; };
    writeShellScript =
      name: text:
      final.writeTextFile {
        inherit name;
        text = "#!${final.runtimeShell}\n${text}";
      };
    writeShellScriptBin =
      name: text:
      final.writeTextFile {
        inherit name;
        text = "#!${final.runtimeShell}\n${text}";
        destination = "/bin/${name}";
        meta.mainProgram = name;
      };

    formats.json = _: {
      type =
        let
          value =
            with lib.types;
            nullOr (oneOf [
              bool
              int
              float
              str
              path
              (attrsOf value)
              (listOf value)
            ])
            // {
              description = "JSON value";
            };
        in
        value;
    };
    formats.toml = _: {
      generate =
        name: value:
        final.writeTextFile {
          inherit name value;
          text = toTOML value;
        };
    };

    dockerTools = {
      streamLayeredImage =
        args:
        fake {
          name = "stream-${args.name}";
          image = args;
        };
      caCertificates = fake { name = "ca-certificates"; };
    };

    testers.runNixOSTest = runTest final;
  };

  mkSet =
    all:
    lib.fix (
      lib.foldl' (lib.flip lib.extends) (final: base final // lib.listToAttrs (map parse known)) all
    );
in
mkSet overlays
