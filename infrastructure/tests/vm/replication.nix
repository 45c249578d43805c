# Boot, push and pull; the journal finds a push by its volume; nothing is lost by a restart, nor by kills during writes.
{ client }:
let
  machines = import ./machines.nix { inherit client; };
in
{
  name = "catgraft-replication";
  inherit (machines) nodes;
  testScript = machines.begin + ''
    with subtest("what one replica pushes another one reads"):
        one = replica("write /root/one random 20")
        two = replica(f"read /root/two {one['volume']} {one['lsn']}")
        assert two["digest"] == one["digest"] and two["rows"] == 20, f"{one} {two}"

    with subtest("the journal finds a push by its volume"):
        server.succeed(f"journalctl --unit catgraft-pagestore VOLUME_ID={one['volume']} | grep -q write_pages")

    with subtest("status is well, and a second start changes nothing"):
        server.succeed("catgraft-status")
        before = server.succeed("systemctl show --property MainPID catgraft-metastore catgraft-pagestore")
        server.succeed("catgraft-init && catgraft-migrate && catgraft-start")
        after = server.succeed("systemctl show --property MainPID catgraft-metastore catgraft-pagestore")
        assert before == after, f"{before} {after}"

    with subtest("a restart loses nothing"):
        server.succeed("catgraft-restart")
        three = replica(f"read /root/three {one['volume']} {one['lsn']}")
        assert three["digest"] == one["digest"], f"{one} {three}"

    with subtest("kills during writes lose nothing"):
        pushes = "journalctl --unit catgraft-pagestore | grep -c write_pages"
        client.succeed(
            f"systemd-run --unit=writes --property=StandardOutput=file:/root/writes {environment} "
            f"$(type -P replica) churn /root/one {one['volume']} /root/enough"
        )
        for service in ["pagestore", "metastore", "pagestore"]:
            # In the middle of the writes: there are more pushes than at the last kill.
            count = server.succeed(pushes).strip()
            server.wait_until_succeeds(f"test $({pushes}) -gt {count}", timeout=60)
            server.succeed(f"systemctl kill --signal=KILL catgraft-{service}")
            server.wait_until_succeeds(f"systemctl is-active catgraft-{service}", timeout=60)
        client.succeed("touch /root/enough")
        client.wait_until_fails("systemctl is-active writes", timeout=180)
        four = json.loads(client.succeed("cat /root/writes"))
        five = replica(f"read /root/five {one['volume']} {four['lsn']}")
        assert five["digest"] == four["digest"] and five["rows"] > 20, f"{four} {five}"
  '';
}
