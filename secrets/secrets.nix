# Who can read which secret: agenix encrypts each file for all people and for the one host that needs it.
let
  inherit (import ./keys.nix) people hosts;
  names = [
    "auth-key"
    "rclone-config"
    "s3-credentials"
  ];
  of =
    host:
    map (name: {
      name = "${host}/${name}.age";
      value.publicKeys = builtins.attrValues people ++ [ hosts.${host} ];
    }) names;
in
builtins.listToAttrs (builtins.concatMap of (builtins.attrNames hosts))
