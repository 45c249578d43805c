# `nixosSystem` in small: the real module system over stand-ins for the options of NixOS that our hosts and modules set.
{
  lib,
  fake,
  pkgsFor,
  modulesDir,
}:
let
  inherit (lib) mkOption types;
  any = mkOption {
    type = types.attrsOf types.anything;
    default = { };
  };
  group = options: types.submodule { inherit options; };
  opt = type: default: mkOption { inherit type default; };
  enable = mkOption {
    type = types.bool;
    default = false;
  };

  # Namespaces accepted without a declaration, because NixOS has thousands of options: a typo below them goes unseen.
  openPrefixes = [
    "boot"
    "fileSystems"
    "services.garage"
    "services.getty"
    "services.journald"
    "virtualisation"
  ];

  # Units that exist without this configuration defining them.
  upstreamUnits = [
    "multi-user.target"
    "network-online.target"
    "network.target"
    "timers.target"
  ];

  base =
    {
      config,
      pkgs,
      lib,
      ...
    }:
    let
      sd = import ./systemd.nix { inherit lib pkgs; };
      all = v: lib.attrValues v;
      named =
        f: defs:
        lib.listToAttrs (map (d: lib.nameValuePair d.name (f d)) (lib.filter (d: d.enable) (all defs)));
      attrs =
        t:
        mkOption {
          type = types.attrsOf t;
          default = { };
        };
    in
    {
      options = {
        assertions = mkOption {
          type = types.listOf types.unspecified;
          default = [ ];
        };
        warnings = mkOption {
          type = types.listOf types.str;
          default = [ ];
        };
        meta = mkOption {
          type = types.attrsOf types.unspecified;
          default = { };
        };

        systemd = {
          services = attrs sd.types.service;
          timers = attrs sd.types.timer;
          targets = attrs sd.types.target;
          package = opt types.package pkgs.systemd;
          globalEnvironment = opt (types.attrsOf (
            types.nullOr (
              types.oneOf [
                types.str
                types.path
                types.package
              ]
            )
          )) { };
          # The text of every unit's file, by its name.
          unitTexts = mkOption {
            internal = true;
            readOnly = true;
            type = types.attrsOf types.str;
          };
        };

        users = {
          mutableUsers = opt types.bool true;
          users = mkOption {
            default = { };
            type = types.attrsOf (
              types.submodule (
                { name, config, ... }: {
                  options = {
                    name = opt types.str name;
                    initialHashedPassword = opt (types.nullOr types.str) null;
                    description = opt types.str "";
                    isNormalUser = enable;
                    isSystemUser = enable;
                    uid = opt (types.nullOr types.int) null;
                    group = opt types.str "";
                    extraGroups = opt (types.listOf types.str) [ ];
                    home = opt types.path "/var/empty";
                    createHome = enable;
                    packages = opt (types.listOf types.package) [ ];
                    openssh.authorizedKeys = {
                      keys = opt (types.listOf types.singleLineStr) [ ];
                      keyFiles = opt (types.listOf types.path) [ ];
                    };
                  };
                  config = lib.mkIf config.isNormalUser {
                    group = lib.mkDefault "users";
                    home = lib.mkDefault "/home/${name}";
                    createHome = lib.mkDefault true;
                  };
                }
              )
            );
          };
          groups = mkOption {
            default = { };
            type = types.attrsOf (
              types.submodule (
                { name, ... }: {
                  options = {
                    name = opt types.str name;
                    gid = opt (types.nullOr types.int) null;
                    members = opt (types.listOf types.str) [ ];
                  };
                }
              )
            );
          };
        };

        environment = {
          systemPackages = opt (types.listOf types.package) [ ];
          etc = mkOption {
            default = { };
            type = types.attrsOf (
              types.submodule (
                {
                  name,
                  config,
                  options,
                  ...
                }:
                {
                  options = {
                    enable = opt types.bool true;
                    target = opt types.str name;
                    text = opt (types.nullOr types.lines) null;
                    source = mkOption { type = types.path; };
                    mode = opt types.str "symlink";
                    user = opt types.str "+0";
                    group = opt types.str "+0";
                    uid = opt types.int 0;
                    gid = opt types.int 0;
                  };
                  config.source = lib.mkIf (config.text != null) (
                    lib.mkDerivedConfig options.text (t: pkgs.writeText "etc-${baseNameOf name}" t)
                  );
                }
              )
            );
          };
        };

        networking = {
          hostName = opt types.str "nixos";
          firewall = opt (group {
            enable = opt types.bool true;
            allowedTCPPorts = opt (types.listOf types.port) [ ];
            allowedUDPPorts = opt (types.listOf types.port) [ ];
          }) { };
        };

        security.sudo.wheelNeedsPassword = opt types.bool true;

        services = {
          openssh = opt (group {
            enable = enable;
            openFirewall = opt types.bool true;
            ports = opt (types.listOf types.port) [ 22 ];
            settings = any;
            hostKeys = mkOption {
              type = types.listOf (types.attrsOf types.anything);
              default = [
                {
                  type = "rsa";
                  bits = 4096;
                  path = "/etc/ssh/ssh_host_rsa_key";
                }
                {
                  type = "ed25519";
                  path = "/etc/ssh/ssh_host_ed25519_key";
                }
              ];
            };
          }) { };
          postgresql = opt (types.submodule (
            { config, ... }: {
              options = {
                enable = enable;
                package = opt types.package pkgs.postgresql_17;
                finalPackage = mkOption {
                  type = types.package;
                  default = config.package;
                };
                dataDir = opt types.path "/var/lib/postgresql/17";
                enableTCPIP = enable;
                authentication = opt types.lines "";
                identMap = opt types.lines "";
                initialScript = opt (types.nullOr types.path) null;
                extensions = opt types.unspecified (_: [ ]);
                settings = any;
                ensureDatabases = opt (types.listOf types.str) [ ];
                ensureUsers = mkOption {
                  default = [ ];
                  type = types.listOf (
                    types.submodule {
                      options = {
                        name = mkOption { type = types.str; };
                        ensureDBOwnership = enable;
                        ensureClauses = any;
                      };
                    }
                  );
                };
              };
            }
          )) { };
          caddy = opt (group {
            enable = enable;
            package = opt types.package pkgs.caddy;
            email = opt (types.nullOr types.str) null;
            globalConfig = opt types.lines "";
            virtualHosts = mkOption {
              default = { };
              type = types.attrsOf (
                types.submodule (
                  { name, ... }: {
                    options = {
                      hostName = opt types.str name;
                      extraConfig = opt types.lines "";
                    };
                  }
                )
              );
            };
          }) { };
        };

        nixpkgs = {
          overlays = opt (types.listOf types.unspecified) [ ];
          hostPlatform = opt types.unspecified "x86_64-linux";
          pkgs = opt types.unspecified null;
        };
        nix = opt (group {
          enable = opt types.bool true;
          settings = any;
          gc = any;
        }) { };
        time = opt (group { timeZone = opt (types.nullOr types.str) null; }) { };

        system = {
          stateVersion = mkOption {
            type = types.str;
            default = "26.05";
          };
          configurationRevision = opt (types.nullOr types.str) null;
          build = opt (types.lazyAttrsOf types.unspecified) { };
        };
      };

      config = {
        systemd.globalEnvironment = {
          LOCALE_ARCHIVE = lib.mkDefault "${pkgs.glibcLocales}/lib/locale/locale-archive";
          TZDIR = lib.mkDefault "${pkgs.tzdata}/share/zoneinfo";
        };
        systemd.timers = lib.mapAttrs (_: s: {
          wantedBy = [ "timers.target" ];
          timerConfig.OnCalendar = s.startAt;
        }) (lib.filterAttrs (_: s: s.enable && s.startAt != [ ]) config.systemd.services);
        systemd.unitTexts =
          named (sd.text.service config.systemd.globalEnvironment) config.systemd.services
          // named sd.text.timer config.systemd.timers
          // named sd.text.target config.systemd.targets;

        # The shape of the units the real modules would add (names and order
        # only, so that dependencies on them can be checked).
        systemd.services.postgresql = lib.mkIf config.services.postgresql.enable {
          serviceConfig.ExecStart = "${config.services.postgresql.package}/bin/postgres";
        };
        systemd.services.postgresql-setup = lib.mkIf config.services.postgresql.enable {
          requires = [ "postgresql.service" ];
          after = [ "postgresql.service" ];
          serviceConfig = {
            Type = "oneshot";
            RemainAfterExit = true;
            ExecStart = "${pkgs.coreutils}/bin/true";
          };
        };
        systemd.targets.postgresql = lib.mkIf config.services.postgresql.enable {
          requires = [
            "postgresql.service"
            "postgresql-setup.service"
          ];
          wantedBy = [ "multi-user.target" ];
        };
        systemd.services.caddy = lib.mkIf config.services.caddy.enable {
          serviceConfig.ExecStart = "${config.services.caddy.package}/bin/caddy run";
        };
        systemd.services.garage = lib.mkIf (config.services.garage.enable or false) {
          serviceConfig.ExecStart = "${config.services.garage.package}/bin/garage server";
        };
        systemd.services.sshd = lib.mkIf config.services.openssh.enable {
          serviceConfig.ExecStart = "${pkgs.openssh}/bin/sshd -D";
        };
        users.users = {
          root = {
            uid = lib.mkDefault 0;
            isSystemUser = true;
            group = "root";
            home = "/root";
          };
          nobody = {
            isSystemUser = true;
            group = "nogroup";
          };
          postgres = lib.mkIf config.services.postgresql.enable {
            isSystemUser = true;
            group = "postgres";
          };
          caddy = lib.mkIf config.services.caddy.enable {
            isSystemUser = true;
            group = "caddy";
          };
        };
        users.groups = lib.genAttrs (
          [
            "root"
            "wheel"
            "users"
            "nogroup"
            "keys"
          ]
          ++ lib.optional config.services.postgresql.enable "postgres"
          ++ lib.optional config.services.caddy.enable "caddy"
        ) (_: { });

        networking.firewall.allowedTCPPorts = lib.mkIf (
          config.services.openssh.enable && config.services.openssh.openFirewall
        ) config.services.openssh.ports;

        assertions =
          lib.mapAttrsToList (n: u: {
            assertion = (u.isNormalUser && !u.isSystemUser) || (!u.isNormalUser && u.isSystemUser);
            message = "Exactly one of users.users.${n}.isSystemUser and users.users.${n}.isNormalUser must be set.";
          }) config.users.users
          ++ lib.mapAttrsToList (n: u: {
            assertion = u.group != "";
            message = "users.users.${n}.group is unset.";
          }) config.users.users
          ++ lib.mapAttrsToList (n: u: {
            assertion = u.group == "" || config.users.groups ? ${u.group};
            message = "users.users.${n}.group is `${u.group}', which no users.groups entry defines (NixOS only fails at activation).";
          }) config.users.users
          ++ map (u: {
            assertion = !u.ensureDBOwnership || lib.elem u.name config.services.postgresql.ensureDatabases;
            message = "services.postgresql.ensureUsers: `${u.name}' has ensureDBOwnership but no database of that name is in ensureDatabases.";
          }) config.services.postgresql.ensureUsers;

        system.build.toplevel =
          let
            failed = map (a: a.message) (lib.filter (a: !a.assertion) config.assertions);
          in
          if failed != [ ] then
            throw "\nFailed assertions:\n${lib.concatMapStringsSep "\n" (m: "- ${m}") failed}"
          else
            fake {
              name = "nixos-system-${config.networking.hostName}-${config.system.stateVersion}";
              _seed = builtins.toJSON config.systemd.unitTexts;
            };
      };
    };

  # Paths set in `config` that no option declares.
  undeclared =
    path: options: cfg:
    lib.concatMap (
      n:
      let
        p = path ++ [ n ];
        o = options.${n} or null;
      in
      if n == "_module" then
        [ ]
      else if o == null then
        [ (lib.showOption p) ]
      else if lib.isOption o then
        # A group of options tells of those that it does not have when it is looked at.
        lib.optionals (o.type.name == "submodule") (builtins.seq cfg.${n} [ ])
      else if builtins.isAttrs cfg.${n} && !(lib.isDerivation cfg.${n}) then
        undeclared p o cfg.${n}
      else
        [ (lib.showOption p) ]
    ) (lib.attrNames cfg);

  isOpen = s: lib.any (p: s == p || lib.hasPrefix "${p}." s) openPrefixes;

  nixosSystem =
    {
      modules,
      pkgs ? null,
    }:
    let
      ev = lib.evalModules {
        prefix = [ ];
        modules = [
          base
          {
            _module.freeformType = types.lazyAttrsOf types.anything;
            _module.args.pkgs = lib.mkDefault (
              let
                c = ev.config.nixpkgs;
                p = if pkgs != null then pkgs else c.pkgs;
              in
              if p != null then
                (if c.overlays == [ ] then p else p.appendOverlays c.overlays)
              else
                pkgsFor {
                  system = c.hostPlatform;
                  inherit (c) overlays;
                }
            );
          }
        ]
        ++ modules;
        specialArgs.modulesPath = toString modulesDir;
      };
    in
    ev
    // {
      inherit (ev._module.args) pkgs;
      report = report ev;
    };

  report =
    ev:
    let
      c = ev.config;
      deps =
        u:
        lib.concatMap (k: u.${k} or [ ]) [
          "after"
          "wants"
          "requires"
          "bindsTo"
          "partOf"
          "requisite"
          "before"
          "onFailure"
          "upholds"
        ];
      everyUnit = lib.concatMap lib.attrValues [
        c.systemd.services
        c.systemd.timers
        c.systemd.targets
      ];
      have = map (u: u.name) everyUnit ++ lib.concatMap (u: u.aliases) everyUnit ++ upstreamUnits;
      scriptPath = d: lib.optionalAttrs (d ? text) { "${d}${d.destination or ""}" = d.text; };
      daemons = lib.filterAttrs (_: d: d.enable) {
        inherit (c.services.catgraft) metastore pagestore;
      };
    in
    {
      # Store paths with a text of ours: what a unit runs, and what it reads.
      files =
        lib.foldl' (a: s: lib.foldl' (b: d: b // scriptPath d) a s.jobScripts) { } (
          lib.attrValues c.systemd.services
        )
        // lib.mapAttrs' (_: d: lib.nameValuePair "${d.configFile}" d.configFile.raw.text) daemons;
      # How each configuration is checked when it is built.
      configs = lib.mapAttrs (name: d: {
        inherit (d.configFile) buildCommand;
        inherit (d.configFile.raw) text;
        raw = "${d.configFile.raw}";
        program = lib.getExe' d.package name;
      }) daemons;
      units = c.systemd.unitTexts;
      failedAssertions = map (a: a.message) (lib.filter (a: !a.assertion) c.assertions);
      inherit (c) warnings;
      undeclared = lib.filter (s: !(isOpen s)) (undeclared [ ] ev.options c);
      danglingUnits = lib.filter (x: x.missing != [ ]) (
        map (u: {
          unit = u.name;
          missing = lib.unique (lib.filter (d: !(lib.elem d have)) (deps u));
        }) everyUnit
      );
      users = lib.mapAttrs (_: u: {
        inherit (u)
          isNormalUser
          isSystemUser
          group
          extraGroups
          home
          ;
        keys = lib.length u.openssh.authorizedKeys.keys;
      }) c.users.users;
      firewall = { inherit (c.networking.firewall) enable allowedTCPPorts allowedUDPPorts; };
      sudo = { inherit (c.security.sudo) wheelNeedsPassword; };
      etc = lib.mapAttrs (_: e: {
        inherit (e)
          mode
          user
          group
          text
          ;
        source = if e.text == null then toString e.source else null;
      }) c.environment.etc;
      secrets = lib.mapAttrs (_: s: {
        inherit (s)
          path
          mode
          owner
          group
          ;
        file = toString s.file;
      }) (c.age.secrets or { });
      postgresql = {
        inherit (c.services.postgresql)
          enable
          ensureDatabases
          ensureUsers
          authentication
          identMap
          ;
      };
      caddyfile = lib.optionalString c.services.caddy.enable (
        "{\n${c.services.caddy.globalConfig}}\n"
        + lib.concatStrings (
          lib.mapAttrsToList (n: v: "\n${n} {\n${v.extraConfig}}\n") c.services.caddy.virtualHosts
        )
      );
      systemPackages = map (p: p.name or (toString p)) c.environment.systemPackages;
    };
in
{
  inherit nixosSystem;
}
