# Where `deploy .#NAME` goes. What does not come up, or cannot be reached afterwards, is rolled back.
inputs:
let
  node =
    name: hostname:
    let
      host = inputs.self.nixosConfigurations.${name};
      inherit (host.pkgs.stdenv.hostPlatform) system;
    in
    {
      inherit hostname;
      sshUser = "deploy";
      user = "root";
      autoRollback = true;
      magicRollback = true;
      confirmTimeout = 60;
      # Above the slowest start: a metastore that migrates has 15 minutes, and the pagestore 2 more after it.
      activationTimeout = 20 * 60;
      profiles.system.path = inputs.deploy-rs.lib.${system}.activate.nixos host;
    };
in
{
  nodes = {
    catgraft = node "catgraft" "catgraft.example.org";
    catgraft-next = node "catgraft-next" "next.catgraft.example.org";
  };
}
