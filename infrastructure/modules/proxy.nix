# The reverse proxy in front of the services of this host: Caddy, with certificates by ACME and a name for each service.
#
# Caddy hands bodies on as they come, in both directions, and sets X-Forwarded-For, -Proto and -Host anew unless the
# client is a trusted proxy.
{
  config,
  lib,
  ...
}:
let
  inherit (lib) mkOption types;
  all = config.services.catgraft;
  cfg = all.proxy;
  url = import ./lib/url.nix { inherit lib; };
  services = [
    "metastore"
    "pagestore"
  ];
  ports = [
    80
    443
  ];

  name =
    service: example:
    mkOption {
      type = types.nullOr types.str;
      default = null;
      inherit example;
      description = "Name under which clients reach the ${service}. Its DNS entry leads to this host.";
    };

  # A request may be this large. A push has no limit of its own; a request that names segments has one of 7 MiB.
  site = service: bodyMax: {
    ${cfg.${service}} = {
      extraConfig = ''
        # What tells of this host is for this host.
        @inside path /metrics /ready
        respond @inside 404

        request_body {
          max_size ${bodyMax}
        }
        reverse_proxy ${url all.${service}} {
          header_up X-Real-IP {remote_host}
          # A service that is started anew is waited for.
          lb_try_duration 10s
          transport http {
            dial_timeout 3s
            # The service closes idle connections after 75 s: the proxy is first.
            keepalive 60s
            # An answer begins once a push is stored.
            response_header_timeout 5m
          }
        }
      '';
    };
  };
in
{
  options.services.catgraft.proxy = {
    enable = lib.mkEnableOption "a reverse proxy with TLS in front of the services of this host";
    metastore = name "metastore" "metastore.example.org";
    pagestore = name "pagestore" "pagestore.example.org";
    acmeEmail = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "operators@example.org";
      description = "Where the certificate authority writes to.";
    };
  };

  config = lib.mkIf cfg.enable {
    services.caddy = {
      enable = true;
      email = cfg.acmeEmail;
      # 1 GiB over 6 Mbit/s takes 25 minutes.
      globalConfig = ''
        # A new configuration waits no longer than this for what goes on.
        grace_period 2m
        servers {
          timeouts {
            read_header 10s
            read_body 30m
            write 40m
            idle 5m
          }
        }
      '';
      virtualHosts = lib.mkMerge [
        (lib.mkIf (cfg.metastore != null) (site "metastore" "16MiB"))
        (lib.mkIf (cfg.pagestore != null) (site "pagestore" "1152MiB"))
      ];
    };

    networking.firewall = {
      allowedTCPPorts = ports;
      # HTTP/3
      allowedUDPPorts = [ 443 ];
    };

    assertions =
      map (service: {
        assertion = all.${service}.enable == (cfg.${service} != null);
        message =
          if all.${service}.enable then
            "services.catgraft.proxy.${service} is not set: name the host name under which clients reach the ${service}, or set services.catgraft.proxy.enable = false."
          else
            "services.catgraft.proxy.${service} is set, but there is no ${service} on this host. Remove it, or set services.catgraft.${service}.enable = true.";
      }) services
      ++ [
        {
          assertion = cfg.metastore == null || cfg.metastore != cfg.pagestore;
          message = "services.catgraft.proxy.metastore and services.catgraft.proxy.pagestore are both ${toString cfg.metastore}. Give each service a name of its own.";
        }
        {
          assertion =
            !lib.any (service: all.${service}.enable && lib.elem all.${service}.settings.port ports) services;
          message = "A service listens on port 80 or 443, which services.catgraft.proxy needs. Set its settings.port to another port.";
        }
        {
          assertion = cfg.acmeEmail != null;
          message = "services.catgraft.proxy.acmeEmail is not set: certificate authorities ask for an address to write to.";
        }
      ];
  };
}
