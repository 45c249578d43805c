# OCI images, one program each: nothing else is in them but what it loads, and the certificates it trusts. What is built is a
# program that writes the image: `nix build .#metastore-image && ./result | docker load`.
{ pkgs }:
let
  image =
    {
      name,
      package,
      port,
    }:
    pkgs.dockerTools.streamLayeredImage {
      name = "catgraft-${name}";
      tag = package.version;
      contents = [ pkgs.dockerTools.caCertificates ];
      # For what is written at run time: a cache, and temporary files.
      extraCommands = "mkdir -m 1777 tmp";
      config = {
        Entrypoint = [ "${package}/bin/${name}" ];
        User = "65534:65534";
        WorkingDir = "/tmp";
        ExposedPorts."${toString port}/tcp" = { };
        Env = [ "SSL_CERT_FILE=/etc/ssl/certs/ca-bundle.crt" ];
        StopSignal = "SIGTERM";
      };
    };
in
{
  metastore-image = image {
    name = "metastore";
    package = pkgs.catgraft-metastore;
    port = 3001;
  };
  pagestore-image = image {
    name = "pagestore";
    package = pkgs.catgraft-pagestore;
    port = 3000;
  };
}
