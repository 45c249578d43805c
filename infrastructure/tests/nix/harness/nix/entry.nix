# The project's flake, called with stand-ins for its inputs: no lock file, no fetching, no copy into the store.
{
  flake, # folder of the flake, a text
  libPath, # `lib` folder of a checkout of nixpkgs
  hashMode ? "content", # or "zero", for texts that are compared with committed ones
}:
let
  lib = import ./lib.nix libPath;
  declared = import (/. + "${flake}/flake.nix");
  stand = import ./inputs.nix { inherit lib hashMode; };

  wanted = lib.attrNames declared.inputs;
  missing = lib.filter (n: !(stand.inputs ? ${n})) wanted;
  inputs = lib.genAttrs wanted (n: stand.inputs.${n});
  self = outputs // {
    inherit inputs;
    outPath = flake;
    _type = "flake";
  };
  outputs =
    if missing != [ ] then
      throw "the harness has no stand-in for flake inputs: ${toString missing}"
    else
      declared.outputs (inputs // { inherit self; });

  system = "x86_64-linux";
  # With all that it is made of: its sources must be there, its commands must be texts.
  whole = d: builtins.deepSeq (removeAttrs d [ "passthru" ]) d.name;
  names = lib.mapAttrs (_: whole);
in
{
  inherit lib outputs inputs;
  hosts = lib.attrNames outputs.nixosConfigurations;
  host = name: outputs.nixosConfigurations.${name}.report;

  # A host of these modules alone.
  configuration =
    modules:
    (stand.inputs.nixpkgs.lib.nixosSystem {
      modules = [
        stand.inputs.agenix.nixosModules.default
        outputs.nixosModules.default
      ]
      ++ modules;
    }).report;

  deploy = lib.mapAttrs (
    _: node:
    removeAttrs node [ "profiles" ]
    // {
      profiles = lib.mapAttrs (
        _: profile: "${profile.path.name}: ${profile.path.activate}"
      ) node.profiles;
    }
  ) outputs.deploy.nodes;

  # The name of everything that the flake builds, which evaluates how it is built.
  summary = {
    packages = names outputs.packages.${system};
    checks = names outputs.checks.${system};
    devShells = names outputs.devShells.${system};
    vmTests = lib.attrNames outputs.vmTests.${system};
    formatter = whole outputs.formatter.${system};
    apps = lib.mapAttrs (_: a: "${a.type} ${a.program}") outputs.apps.${system};
  };

  # Of each VM test, its script and what is wrong with its nodes.
  vmTests = lib.mapAttrs (_: t: {
    inherit (t) testScript;
    nodes = lib.mapAttrs (_: r: {
      inherit (r)
        failedAssertions
        warnings
        undeclared
        danglingUnits
        ;
    }) t.reports;
  }) outputs.vmTests.${system};
}
