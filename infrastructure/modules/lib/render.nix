# Texts that are made of a daemon's options: its checked configuration, and the sandbox for `systemd-run`.
{ lib, pkgs }:
let
  format = pkgs.formats.toml { };

  # What stands at build time for a secret that is on the host only: of the form that the setting which uses it asks for.
  standInFor =
    settings: name:
    let
      isUsedBy = file: file == "$CREDENTIALS_DIRECTORY/${name}";
    in
    if isUsedBy (settings.auth.key_file or null) then
      lib.fixedWidthString 64 "0" ""
    else if isUsedBy (settings.catalog.url_file or null) then
      "postgres:///catgraft?host=/run/postgresql"
    else
      "stand-in";

  value =
    x:
    if x == true then
      "true"
    else if x == false then
      "false"
    else
      toString x;
in
{
  # The TOML of a daemon. It is only built if the daemon takes it.
  configFile =
    { name, cfg }:
    let
      raw = format.generate "${name}.toml" (lib.filterAttrsRecursive (_: v: v != null) cfg.settings);
      standIn = n: lib.escapeShellArg (standInFor cfg.settings n);
    in
    pkgs.runCommandLocal "${name}.toml" { passthru = { inherit raw; }; } ''
      export CREDENTIALS_DIRECTORY=$PWD/credentials
      mkdir "$CREDENTIALS_DIRECTORY"
      ${lib.concatMapStrings (n: ''
        echo ${standIn n} > "$CREDENTIALS_DIRECTORY"/${lib.escapeShellArg n}
      '') (lib.attrNames cfg.credentials)}
      ${lib.getExe' cfg.package name} --config ${raw} --check-config
      cp ${raw} $out
    '';

  # One value of `systemd-run --property` a line. An empty one resets, as in a unit.
  properties =
    { serviceConfig, environment }:
    lib.concatStrings (
      lib.mapAttrsToList (n: v: "Environment=${n}=${v}\n") environment
      ++ lib.concatLists (
        lib.mapAttrsToList (key: v: map (x: "${key}=${value x}\n") (lib.toList v)) serviceConfig
      )
    );
}
