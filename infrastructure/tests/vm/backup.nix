# A backup, the loss of catalog and objects, and a restore: every database reads as before.
{ client }:
let
  machines = import ./machines.nix { inherit client; };
in
{
  name = "catgraft-backup";
  inherit (machines) nodes;
  testScript = machines.begin + ''
    volumes = [replica(f"write /root/writer-{number} random 25") for number in range(3)]

    with subtest("the timer's unit makes a backup"):
        server.succeed("systemctl start catgraft-backup.service")
        server.succeed("catgraft-backup --list", "catgraft-backup --verify latest")

    with subtest("a restore over a running system is refused"):
        server.fail("catgraft-restore latest")

    with subtest("catalog and objects are lost"):
        server.succeed("catgraft-stop")
        server.succeed(
            "runuser -u postgres -- dropdb catgraft",
            "runuser -u postgres -- createdb --owner=catgraft catgraft",
            "systemctl stop garage bucket",
            "rm -rf /var/lib/garage/* /var/lib/private/garage/*",
            "systemctl start bucket",
        )

    with subtest("and come back"):
        server.succeed("catgraft-restore latest", "catgraft-start", "catgraft-status")
        for number, written in enumerate(volumes):
            read = replica(f"read /root/reader-{number} {written['volume']} {written['lsn']}")
            assert read["digest"] == written["digest"], f"{written} {read}"
  '';
}
