# Option types and unit-file text for systemd units, with NixOS' rules:
#  - a list means a repeated key, anything else must agree between definitions;
#  - booleans print as true/false; keys print in alphabetical order;
#  - environment first, each as a JSON-quoted NAME=VALUE line.
{ lib, pkgs }:
let
  inherit (lib) mkOption types;

  unitName = types.strMatching "[a-zA-Z0-9@%:_.\\-]+[.](service|socket|device|mount|automount|swap|target|path|timer|scope|slice)";

  setting = lib.mkOptionType {
    name = "systemd setting";
    merge =
      loc: defs:
      let
        ds = lib.filterOverrides defs;
      in
      if lib.any (d: lib.isList d.value) ds then
        lib.concatMap (d: lib.toList d.value) ds
      else
        lib.mergeEqualOption loc ds;
  };
  section = types.attrsOf setting;

  oneOfOr =
    what: allowed: v:
    lib.elem v allowed
    || throw "systemd: ${what} cannot be `${toString v}' (allowed: ${toString allowed})";

  serviceSection = lib.mkOptionType {
    name = "systemd [Service] section";
    inherit (section)
      merge
      emptyValue
      getSubOptions
      nestedTypes
      ;
    check = section.check;
  };

  units =
    default:
    mkOption {
      type = types.listOf unitName;
      inherit default;
    };
  lines = mkOption {
    type = types.lines;
    default = "";
  };

  shared =
    {
      name,
      config,
      options,
      ...
    }:
    {
      options = {
        enable = mkOption {
          type = types.bool;
          default = true;
        };
        name = mkOption { type = types.str; };
        description = mkOption {
          type = types.singleLineStr;
          default = "";
        };
        documentation = mkOption {
          type = types.listOf types.str;
          default = [ ];
        };
        aliases = units [ ];
        wantedBy = units [ ];
        requiredBy = units [ ];
        upheldBy = units [ ];
        wants = units [ ];
        requires = units [ ];
        requisite = units [ ];
        bindsTo = units [ ];
        partOf = units [ ];
        upholds = units [ ];
        conflicts = units [ ];
        after = units [ ];
        before = units [ ];
        onFailure = units [ ];
        onSuccess = units [ ];
        startLimitBurst = mkOption { type = types.int; };
        startLimitIntervalSec = mkOption { type = types.int; };
        restartTriggers = mkOption {
          type = types.listOf types.unspecified;
          default = [ ];
        };
        reloadTriggers = mkOption {
          type = types.listOf types.unspecified;
          default = [ ];
        };
        overrideStrategy = mkOption {
          type = types.enum [
            "asDropinIfExists"
            "asDropin"
          ];
          default = "asDropinIfExists";
        };
        unitConfig = mkOption {
          type = section;
          default = { };
        };
      };
      config.unitConfig =
        let
          rel = k: v: lib.optionalAttrs (v != [ ]) { ${k} = toString v; };
          trig =
            k: v:
            lib.optionalAttrs (v != [ ]) {
              ${k} = "${pkgs.writeText "${k}-${name}" (toString (lib.flatten v))}";
            };
        in
        rel "Wants" config.wants
        // rel "Requires" config.requires
        // rel "Requisite" config.requisite
        // rel "BindsTo" config.bindsTo
        // rel "PartOf" config.partOf
        // rel "Upholds" config.upholds
        // rel "Conflicts" config.conflicts
        // rel "After" config.after
        // rel "Before" config.before
        // rel "OnFailure" config.onFailure
        // rel "OnSuccess" config.onSuccess
        // rel "Documentation" config.documentation
        // trig "X-Restart-Triggers" config.restartTriggers
        // trig "X-Reload-Triggers" config.reloadTriggers
        // lib.optionalAttrs (config.description != "") { Description = config.description; }
        // lib.optionalAttrs options.startLimitBurst.isDefined {
          StartLimitBurst = toString config.startLimitBurst;
        }
        // lib.optionalAttrs options.startLimitIntervalSec.isDefined {
          StartLimitIntervalSec = toString config.startLimitIntervalSec;
        };
    };

  service =
    { name, config, ... }:
    {
      options = {
        environment = mkOption {
          type =
            with types;
            attrsOf (
              nullOr (oneOf [
                str
                path
                package
              ])
            );
          default = { };
        };
        path = mkOption {
          type =
            with types;
            listOf (oneOf [
              package
              str
            ]);
          default = [ ];
        };
        serviceConfig = mkOption {
          type = serviceSection;
          default = { };
        };
        script = lines;
        scriptArgs = mkOption {
          type = types.str;
          default = "";
        };
        preStart = lines;
        postStart = lines;
        reload = lines;
        preStop = lines;
        postStop = lines;
        enableStrictShellChecks = mkOption {
          type = types.bool;
          default = false;
        };
        restartIfChanged = mkOption {
          type = types.bool;
          default = true;
        };
        reloadIfChanged = mkOption {
          type = types.bool;
          default = false;
        };
        stopIfChanged = mkOption {
          type = types.bool;
          default = true;
        };
        notSocketActivated = mkOption {
          type = types.bool;
          default = false;
        };
        startAt = mkOption {
          type = with types; either str (listOf str);
          default = [ ];
          apply = v: if lib.isList v then v else [ v ];
        };
        jobScripts = mkOption {
          internal = true;
          type = types.listOf types.unspecified;
          default = [ ];
        };
      };
      config =
        let
          job =
            phase: key: text: asList: extra:
            lib.mkIf (text != "") (
              let
                d = pkgs.writeShellScriptBin "${name}-${phase}" "set -e\n\n${text}";
                exe = "${d}/bin/${name}-${phase}${extra}";
              in
              {
                jobScripts = [ d ];
                serviceConfig.${key} = if asList then [ exe ] else exe;
              }
            );
        in
        lib.mkMerge [
          {
            name = "${name}.service";
            path = lib.mkAfter [
              pkgs.coreutils
              pkgs.findutils
              pkgs.gnugrep
              pkgs.gnused
              pkgs.systemd
            ];
            environment.PATH = lib.mkIf (config.path != [ ]) (
              lib.concatStringsSep ":" (map (p: "${p}/bin") config.path ++ map (p: "${p}/sbin") config.path)
            );
          }
          (job "pre-start" "ExecStartPre" config.preStart true "")
          (job "start" "ExecStart" config.script false (
            if config.scriptArgs == "" then " " else " ${config.scriptArgs}"
          ))
          (job "post-start" "ExecStartPost" config.postStart true "")
          (job "reload" "ExecReload" config.reload false "")
          (job "pre-stop" "ExecStop" config.preStop false "")
          (job "post-stop" "ExecStopPost" config.postStop false "")
        ];
    };

  plain =
    kind: attr: extra:
    { name, ... }:
    {
      options = {
        ${attr} = mkOption {
          type = section;
          default = { };
        };
      }
      // extra;
      config.name = "${name}.${kind}";
    };

  value =
    x:
    if x == true then
      "true"
    else if x == false then
      "false"
    else
      toString x;
  sectionText =
    attrs:
    lib.concatStrings (
      lib.concatLists (lib.mapAttrsToList (k: v: map (x: "${k}=${value x}\n") (lib.toList v)) attrs)
    );

  checkService =
    def:
    (
      !(def.serviceConfig ? Type)
      || oneOfOr "Type" [
        "exec"
        "simple"
        "forking"
        "oneshot"
        "dbus"
        "notify"
        "notify-reload"
        "idle"
      ] def.serviceConfig.Type
    )
    && (
      !(def.serviceConfig ? Restart)
      || oneOfOr "Restart" [
        "no"
        "on-success"
        "on-failure"
        "on-abnormal"
        "on-abort"
        "on-watchdog"
        "always"
      ] def.serviceConfig.Restart
    );

  wrap =
    def: body:
    "[Unit]\n${sectionText def.unitConfig}\n${body}"
    + lib.optionalString (
      def.wantedBy != [ ]
    ) "\n[Install]\nWantedBy=${lib.concatStringsSep " " def.wantedBy}\n";
in
{
  types = {
    service = types.submodule [
      shared
      service
    ];
    timer = types.submodule [
      shared
      (plain "timer" "timerConfig" { })
    ];
    target = types.submodule [
      shared
      ({ name, ... }: { config.name = "${name}.target"; })
    ];
  };
  text = {
    service =
      globalEnv: def:
      assert checkService def;
      let
        env = globalEnv // def.environment;
      in
      wrap def (
        "[Service]\n"
        + lib.concatMapStrings (
          n: lib.optionalString (env.${n} != null) "Environment=${builtins.toJSON "${n}=${env.${n}}"}\n"
        ) (lib.attrNames env)
        + (
          if def.reloadIfChanged then
            "X-ReloadIfChanged=true\n"
          else if !def.restartIfChanged then
            "X-RestartIfChanged=false\n"
          else
            ""
        )
        + lib.optionalString (!def.stopIfChanged) "X-StopIfChanged=false\n"
        + lib.optionalString def.notSocketActivated "X-NotSocketActivated=true\n"
        + sectionText def.serviceConfig
      );
    timer = def: wrap def ("[Timer]\n" + sectionText def.timerConfig);
    target = def: wrap def "";
  };
}
