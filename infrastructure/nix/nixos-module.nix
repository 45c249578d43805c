# The module as others import it, with the packages that it takes.
inputs: {
  imports = [ ../modules ];
  nixpkgs.overlays = [ inputs.self.overlays.default ];
}
