# The operator's commands: shell scripts, each with the programs that it needs. Those of Postgres are the host's, of its
# database's version.
{
  lib,
  stdenvNoCC,
  makeWrapper,
  installShellFiles,
  bash,
  coreutils,
  curl,
  findutils,
  gawk,
  gnugrep,
  gnused,
  jq,
  rclone,
  systemd,
  util-linux,
}:
stdenvNoCC.mkDerivation {
  pname = "catgraft-operator";
  version = (lib.importTOML ../../Cargo.toml).workspace.package.version;
  src = ../scripts/operator;
  nativeBuildInputs = [
    makeWrapper
    installShellFiles
  ];
  buildInputs = [ bash ];
  dontConfigure = true;
  dontBuild = true;

  installPhase = ''
    runHook preInstall
    mkdir -p $out/libexec $out/bin
    cp -r . $out/libexec/catgraft
    patchShebangs $out/libexec/catgraft
    for command in $out/libexec/catgraft/catgraft-*; do
      name=''${command##*/}
      makeWrapper "$command" "$out/bin/$name" --prefix PATH : ${
        lib.makeBinPath [
          bash
          coreutils
          curl
          findutils
          gawk
          gnugrep
          gnused
          jq
          rclone
          systemd
          util-linux
        ]
      }
      installShellCompletion --cmd "$name" --bash completions/catgraft-operator.bash
    done
    runHook postInstall
  '';

  meta = {
    description = "Commands that look after the CatGraft services of a host";
    mainProgram = "catgraft-status";
    platforms = lib.platforms.linux;
  };
}
