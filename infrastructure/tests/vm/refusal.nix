# A configuration that the daemon refuses does not become ready, and the status says why; mended, the service is back.
{ client }:
let
  machines = import ./machines.nix { inherit client; };
in
{
  name = "catgraft-refusal";
  inherit (machines) nodes;
  testScript = machines.begin + ''
    drop_in = "/run/systemd/system/catgraft-metastore.service.d/bad.conf"
    binary = server.succeed(". /etc/catgraft/operator.conf; echo $CATGRAFT_METASTORE_BINARY").strip()

    with subtest("a bad configuration does not become ready"):
        server.succeed(
            "echo 'prot = 3001' > /run/bad.toml",
            f"mkdir -p $(dirname {drop_in})",
            f"printf '[Service]\nExecStart=\nExecStart={binary} --config /run/bad.toml\n' > {drop_in}",
            "systemctl daemon-reload",
        )
        server.fail("catgraft-restart metastore")
        server.fail("systemctl is-active catgraft-metastore")
        restarts = server.succeed("systemctl show --property NRestarts --value catgraft-metastore").strip()
        assert restarts == "0", f"a refused configuration was tried {restarts} times again"

    with subtest("the status says why"):
        status, text = server.execute("catgraft-status 2>&1")
        assert status != 0 and "prot" in text, text

    with subtest("mended, it is back"):
        server.succeed(f"rm {drop_in}", "systemctl daemon-reload", "catgraft-start")
        one = replica("write /root/one random 3")
        two = replica(f"read /root/two {one['volume']} {one['lsn']}")
        assert two["digest"] == one["digest"], f"{one} {two}"
  '';
}
