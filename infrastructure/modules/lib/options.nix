# The options that both daemons have.
{
  lib,
  pkgs,
  name,
  port,
  credentials,
  settingsModule,
}:
let
  inherit (lib) mkOption types;
in
{
  enable = lib.mkEnableOption "the CatGraft ${name}";

  package = lib.mkPackageOption pkgs "catgraft-${name}" { };

  settings = mkOption {
    default = { };
    description = ''
      The daemon's settings, as they stand in `${name}.toml`; the README lists every key. The configuration is checked by
      the daemon's own `--check-config` when the system is built, so that an unknown key or a bad value never
      reaches a host. No secret may stand here: see `credentials`.
    '';
    type = types.submodule {
      imports = [ settingsModule ];
      # What TOML can say, and null, which takes a default of this module away.
      freeformType = (pkgs.formats.json { }).type;
      options = {
        host = mkOption {
          type = types.str;
          description = "Address to listen on: all of them with `openFirewall`, otherwise this host's own only.";
          example = "::";
        };
        port = mkOption {
          type = types.port;
          default = port;
          description = "Port to listen on.";
        };
      };
    };
  };

  configFile = mkOption {
    type = types.package;
    readOnly = true;
    description = "The file that `settings` becomes, checked by the daemon.";
  };

  credentials = mkOption {
    type = types.attrsOf (types.either types.path types.str);
    default = { };
    example = {
      auth-key = "/run/agenix/auth-key";
    };
    description = ''
      Secrets of the daemon: name to file on the host, handed over with systemd's `LoadCredential`. The file is readable by
      root only and outside of the Nix store. These names are used without another setting:

      ${lib.concatStrings (lib.mapAttrsToList (n: c: "- `${n}`: ${c.what}\n") credentials)}
      Any other name has to be used in `settings`, as `$CREDENTIALS_DIRECTORY/NAME`.
    '';
  };

  environmentFile = mkOption {
    type = types.nullOr (types.either types.path types.str);
    default = null;
    example = "/run/agenix/${name}-environment";
    description = ''
      File on the host with lines `NAME=value` for the daemon's environment, for what has no setting and no credential.
      Credentials are better: what is in an environment is inherited by every child.
    '';
  };

  allowAnonymous = mkOption {
    type = types.bool;
    default = false;
    description = "Serve without tokens: everybody who reaches the port may call everything.";
  };

  openFirewall = lib.mkEnableOption "the ${name}'s port in the firewall (without TLS; see `services.catgraft.proxy`)";
}
