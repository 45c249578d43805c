# The assertion that a file with a secret is on the host, and not in the Nix store.
{ lib }:
what: file: {
  assertion = !(builtins.isPath file || lib.hasPrefix "${builtins.storeDir}/" (toString file));
  message =
    "${what} is ${toString file}, which is or would be copied into the Nix store, where everybody can read it. "
    + "Name a file on the host as a text, such as config.age.secrets.NAME.path.";
}
