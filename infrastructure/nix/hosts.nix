# The hosts: a folder of infrastructure/hosts each, which only sets options.
inputs:
let
  host =
    name:
    inputs.nixpkgs.lib.nixosSystem {
      modules = [
        inputs.agenix.nixosModules.default
        inputs.self.nixosModules.default
        (../hosts + "/${name}")
        {
          networking.hostName = name;
          nixpkgs.hostPlatform = inputs.nixpkgs.lib.mkDefault "x86_64-linux";
          system.configurationRevision = inputs.self.rev or null;
        }
      ];
    };
in
inputs.nixpkgs.lib.genAttrs [
  "catgraft"
  "catgraft-next"
  "catgraft-vm"
] host
