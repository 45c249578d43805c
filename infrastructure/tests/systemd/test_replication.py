"""The real client, against the services as systemd runs them; and what the journal tells of it."""

EVERYTHING = "SELECT * FROM t ORDER BY id"
FILL = """WITH RECURSIVE row (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM row WHERE id < 1000)
          INSERT INTO t SELECT NULL, randomblob(1000) FROM row"""


def test_one_replica_pushes_another_one_pulls_and_the_journal_finds_the_push(system, replicas):
    alice, bob = replicas(system, "alice"), replicas(system, "bob")
    volume = alice.open()
    alice.script("CREATE TABLE t (id INTEGER PRIMARY KEY, payload BLOB)", FILL)
    remote_lsn = alice.wait_pushed()
    bob.open(volume)
    bob.wait_pulled(remote_lsn)
    assert bob.digest(EVERYTHING) == alice.digest(EVERYTHING)

    lines = system.journal("--unit=catgraft-pagestore", f"VOLUME_ID={volume}", "CALL=write_pages")
    assert lines and all(line["_SYSTEMD_UNIT"] == "catgraft-pagestore.service" for line in lines)
    assert lines[0]["MESSAGE"].startswith("write_pages: 200 in ")
    assert system.journal("--unit=catgraft-pagestore", "VOLUME_ID=" + "1" * 22) == []

    found = system.command("logs", "pagestore", "--volume", volume, "--call", "write_pages", "--json").stdout
    assert len(found.splitlines()) == len(lines)
    request = lines[0]["REQUEST_ID"]
    of_request = system.command("logs", "--request", request).stdout.splitlines()
    assert len(of_request) == 1 and "write_pages: 200" in of_request[0]

    for level in ("error", "warn", "info", "debug"):
        shown = system.command("logs", "pagestore", "--request", request, "--level", level).stdout
        assert bool(shown) == (level == "debug"), level

    commit = system.status()[1]["catalog"]["newest_commit"]
    assert (commit["vid"], commit["lsn"]) == (volume, remote_lsn)
