# What is wrong with the secrets of a daemon: pure, from its options to assertions.
{
  lib,
  name,
  cfg,
  known, # the credentials that are used without another setting
}:
let
  option = "services.catgraft.${name}";
  prefix = "$CREDENTIALS_DIRECTORY/";

  outside = import ./outside-store.nix { inherit lib; };

  # Every setting that a credential takes the place of is secret.
  secretKeys = lib.catAttrs "setting" (lib.attrValues known);
  credentialFor =
    key: lib.findFirst (n: known.${n}.setting or null == key) null (lib.attrNames known);
  given = key: lib.attrByPath (lib.splitString "." key) null cfg.settings;

  hasPassword =
    url:
    builtins.match ".*://[^/@]*:[^/@]*@.*" url != null
    || builtins.match ".*[?&]password=.*" url != null;
  # A URL is only secret with a password in it.
  isSecret = key: value: key != "catalog.url" || hasPassword (toString value);

  plain = key: {
    assertion = given key == null || !isSecret key (given key);
    message =
      "${option}.settings.${key} would put a secret into the Nix store, where everybody can read it. "
      + "Put it into a file on the host, and name that file in ${option}.credentials.${credentialFor key}.";
  };

  # Only a credential can be read from within the sandbox.
  readable =
    key:
    let
      file = given "${key}_file";
    in
    {
      assertion = file == null || lib.hasPrefix prefix (toString file);
      message =
        "${option}.settings.${key}_file is ${toString file}, which the service cannot read. "
        + "Name the file in ${option}.credentials.${credentialFor key} instead.";
    };

  texts =
    value:
    if lib.isAttrs value then lib.concatMap texts (lib.attrValues value) else [ (toString value) ];
  used = map (lib.removePrefix prefix) (lib.filter (lib.hasPrefix prefix) (texts cfg.settings));
in
map plain secretKeys
++ map readable secretKeys
++ lib.mapAttrsToList (n: outside "${option}.credentials.${n}") cfg.credentials
++ lib.optional (cfg.environmentFile != null) (
  outside "${option}.environmentFile" cfg.environmentFile
)
++ map (n: {
  assertion = cfg.credentials ? ${n};
  message = "${option}.settings uses ${prefix}${n}, but there is no ${option}.credentials.${n}: name the file of this secret there.";
}) used
++ map (n: {
  assertion = known ? ${n} || lib.elem n used;
  message =
    "${option}.credentials.${n} is used by no setting. The names that are used by themselves are "
    + "${lib.concatStringsSep ", " (lib.attrNames known)}; use any other in ${option}.settings as ${prefix}${n}.";
}) (lib.attrNames cfg.credentials)
