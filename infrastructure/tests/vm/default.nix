# Tests in virtual machines: the real module, packages and systemd, and the real client.
#
#   nix build .#vmTests.x86_64-linux.replication
#
# They are no part of `checks`, because a deploy would wait for them.
{ pkgs, system, ... }:
let
  inherit (pkgs) lib;
  client = pkgs.callPackage ./client.nix { };
  test = file: pkgs.testers.runNixOSTest (import file { inherit client; });
in
# The client is only built for this one.
lib.optionalAttrs (system == "x86_64-linux") {
  replication = test ./replication.nix;
  refusal = test ./refusal.nix;
  backup = test ./backup.nix;
}
