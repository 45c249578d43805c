# The address of a daemon as its own host reaches it.
{ lib }:
cfg:
let
  inherit (cfg.settings) host port;
  isAny = lib.elem host [
    "0.0.0.0"
    "::"
  ];
  shown = if lib.hasInfix ":" host then "[${host}]" else host;
in
"http://${if isAny then "127.0.0.1" else shown}:${toString port}"
