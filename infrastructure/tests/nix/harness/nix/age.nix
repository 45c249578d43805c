# The options of agenix that our hosts set, and what agenix asks of them.
{
  config,
  lib,
  ...
}:
let
  inherit (lib) mkOption types;
in
{
  options.age = {
    identityPaths = mkOption {
      type = types.listOf types.path;
      default = lib.optionals config.services.openssh.enable (
        map (k: k.path) config.services.openssh.hostKeys
      );
    };
    secrets = mkOption {
      default = { };
      type = types.attrsOf (
        types.submodule (
          { name, config, ... }: {
            options = {
              name = mkOption {
                type = types.str;
                default = name;
              };
              file = mkOption { type = types.path; };
              path = mkOption {
                type = types.str;
                default = "/run/agenix/${config.name}";
              };
              mode = mkOption {
                type = types.str;
                default = "0400";
              };
              owner = mkOption {
                type = types.str;
                default = "0";
              };
              group = mkOption {
                type = types.str;
                default = "0";
              };
              symlink = mkOption {
                type = types.bool;
                default = true;
              };
            };
          }
        )
      );
    };
  };
  config = lib.mkIf (config.age.secrets != { }) {
    assertions = [
      {
        assertion = config.age.identityPaths != [ ];
        message = "age.identityPaths must be set, for example by enabling openssh.";
      }
    ]
    ++ lib.mapAttrsToList (n: s: {
      assertion = builtins.pathExists s.file;
      message = "age.secrets.${n}.file does not exist: ${toString s.file}";
    }) config.age.secrets
    ++ lib.mapAttrsToList (n: s: {
      assertion = s.owner == "0" || config.users.users ? ${s.owner};
      message = "age.secrets.${n}.owner is `${s.owner}', which users.users does not define";
    }) config.age.secrets;
  };
}
