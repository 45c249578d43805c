# `replica`: a command that writes or reads a volume with the real client, of the version that the end-to-end tests use.
{
  lib,
  stdenv,
  autoPatchelfHook,
  python3,
  writeShellScriptBin,
}:
let
  extension = python3.pkgs.buildPythonPackage {
    pname = "sqlite-graft";
    version = "0.1.5";
    format = "wheel";
    src = python3.pkgs.fetchPypi {
      pname = "sqlite_graft";
      version = "0.1.5";
      format = "wheel";
      dist = "py3";
      python = "py3";
      platform = "manylinux_2_17_x86_64.manylinux2014_x86_64.manylinux1_x86_64";
      hash = "sha256-FnGlozCice7cOf1RdNnFvD4cwngNE8qUKggIdG5TPH8=";
    };
    nativeBuildInputs = [ autoPatchelfHook ];
    buildInputs = [ (lib.getLib stdenv.cc.cc) ];
  };
  python = python3.withPackages (packages: [
    packages.apsw
    extension
  ]);
in
writeShellScriptBin "replica" ''
  export PYTHONPATH=${../e2e}
  exec ${python}/bin/python ${./replica_command.py} "$@"
''
