# What both daemons are made of: options, checked configuration, sandbox and unit. A daemon's own file says what differs.
{
  name,
  port,
  user,
  title,
  credentials,
  timeoutStartSec,
  settingsModule ? { }, # options among the settings that only this daemon has
  sandbox ? { }, # added to the sandbox
  environment ? _cfg: { },
  limits ? { }, # added to the unit only
}:
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib)
    mkDefault
    mkIf
    mkOption
    types
    ;
  cfg = config.services.catgraft.${name};
  render = import ./render.nix { inherit lib pkgs; };
  unit = "catgraft-${name}";

  files =
    lib.attrValues cfg.credentials ++ lib.optional (cfg.environmentFile != null) cfg.environmentFile;
  # A secret that agenix decrypts anew restarts nobody by itself.
  encrypted = lib.filter (s: lib.elem s.path files) (lib.attrValues (config.age.secrets or { }));

  inSandbox =
    import ../hardening.nix
    // {
      DynamicUser = true;
      User = user;
      StateDirectory = [ user ];
      StateDirectoryMode = "0700";
      WorkingDirectory = "/var/lib/${user}";
      LoadCredential = lib.mapAttrsToList (n: file: "${n}:${toString file}") cfg.credentials;
      EnvironmentFile = lib.optional (cfg.environmentFile != null) (toString cfg.environmentFile);
    }
    // sandbox;
in
{
  options.services.catgraft.${name} =
    import ./options.nix {
      inherit
        lib
        pkgs
        name
        port
        credentials
        settingsModule
        ;
    }
    // {
      sandbox = mkOption {
        internal = true;
        readOnly = true;
        type = types.attrsOf types.anything;
        description = "The part of the unit that `systemd-run` needs to do work in the same sandbox.";
      };
    };

  config = {
    services.catgraft.${name} = {
      configFile = render.configFile { inherit name cfg; };
      sandbox = {
        serviceConfig = inSandbox;
        # `systemd-run` knows no specifiers such as %d.
        environment = lib.filterAttrs (_: v: !lib.hasInfix "%" v) (environment cfg);
      };
      settings = lib.mkMerge (
        [
          {
            host = mkDefault (if cfg.openFirewall then "0.0.0.0" else "127.0.0.1");
            log.format = mkDefault "journald";
          }
        ]
        ++ lib.mapAttrsToList (
          n: c:
          mkIf (cfg.credentials ? ${n} && c ? setting) (
            lib.setAttrByPath (lib.splitString "." "${c.setting}_file") (
              mkDefault "$CREDENTIALS_DIRECTORY/${n}"
            )
          )
        ) credentials
      );
    };

    assertions = mkIf cfg.enable (
      import ./secrets.nix {
        inherit lib name cfg;
        known = credentials;
      }
      ++ [
        {
          assertion = cfg.settings.port != 0;
          message = "services.catgraft.${name}.settings.port is 0: a service needs a port that others can know. Choose one, such as ${toString port}.";
        }
        {
          assertion = cfg.allowAnonymous || cfg.settings.auth.key_file or null != null;
          message =
            "services.catgraft.${name} has no key for tokens, so that everybody could call everything. Make one with "
            + "`catgraft secret-key`, name its file in services.catgraft.${name}.credentials.auth-key, or set "
            + "services.catgraft.${name}.allowAnonymous = true.";
        }
        {
          assertion = !(cfg.allowAnonymous && cfg.settings.auth.key_file or null != null);
          message =
            "services.catgraft.${name}.allowAnonymous is true, but there is a key, and with a key every call needs a token. "
            + "Remove one of the two.";
        }
      ]
    );

    networking.firewall.allowedTCPPorts = mkIf (cfg.enable && cfg.openFirewall) [ cfg.settings.port ];

    systemd.services.${unit} = mkIf cfg.enable {
      description = "CatGraft ${name}: ${title}";
      partOf = [ "catgraft.target" ];
      wants = [ "network-online.target" ];
      after = [ "network-online.target" ];
      environment = environment cfg;
      # A new version is started right after the old one has drained, not at the end of a switch.
      stopIfChanged = false;
      restartTriggers = map (s: s.file) encrypted;
      startLimitBurst = 10;
      startLimitIntervalSec = 120;
      serviceConfig =
        inSandbox
        // {
          Type = "notify";
          NotifyAccess = "main";
          ExecStart = "${lib.getExe' cfg.package name} --config ${cfg.configFile}";
          Restart = "on-failure";
          RestartSec = "1s";
          # 2 is a configuration that is refused: trying again changes nothing.
          RestartPreventExitStatus = "2";
          TimeoutStartSec = timeoutStartSec;
          # The daemon gives up what is left after 30 s.
          TimeoutStopSec = "45s";
          TimeoutAbortSec = "10s";
          WatchdogSec = "30s";
          SocketBindAllow = [ "tcp:${toString cfg.settings.port}" ];
          SocketBindDeny = "any";
          # A connection a client, http.max_connections of them, and for the pagestore a file a cached block.
          LimitNOFILE = 65536;
        }
        // limits;
    };
  };
}
