# The machines that the tests share, and what their scripts begin with.
{ client }:
{
  nodes = {
    server = {
      imports = [
        # Without the overlay: the packages of these machines have it already, and may not be changed.
        ../../modules
        ./server.nix
      ];
    };
    client = {
      environment.systemPackages = [ client ];
      virtualisation.memorySize = 1024;
    };
  };

  # Both machines are up, and the client has a token.
  begin = ''
    import json

    settings = "METASTORE=http://server:3001 PAGESTORE=http://server:3000 TOKEN_FILE=/root/token"
    environment = " ".join(f"--setenv={setting}" for setting in settings.split())


    def replica(command: str) -> dict:
        """Runs `replica` on the client machine."""
        return json.loads(client.succeed(f"env {settings} replica {command}"))


    start_all()
    server.wait_for_unit("catgraft-metastore.service")
    server.wait_for_unit("catgraft-pagestore.service")
    client.wait_for_unit("multi-user.target")
    token = server.succeed("catgraft-token --expires 1h tests").strip()
    client.succeed(f"(umask 077; echo {token} > /root/token)")
  '';
}
