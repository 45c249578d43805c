"""Backup, destruction, restore: every database reads as it did."""

import json

from system import SCHEMA, UNITS

EVERYTHING = "SELECT * FROM t ORDER BY id"
FILL = """WITH RECURSIVE row (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM row WHERE id < 2000)
          INSERT INTO t SELECT NULL, randomblob(2000) FROM row"""
FOLDER = "/var/lib/catgraft-backup"
OBJECTS = "/var/lib/catgraft-pagestore/objects"


def _fill(replicas, system, name):
    replica = replicas(system, name)
    volume = replica.open()
    replica.script("CREATE TABLE t (id INTEGER PRIMARY KEY, payload BLOB)", FILL)
    return replica, volume, replica.wait_pushed()


def _backup(system):
    return json.loads(system.command("backup", "--json").stdout)


def _destroy(system):
    """Everything that CatGraft has on this machine, but for its key and its backups."""
    system.command("stop")
    system.machine.run("runuser", "-u", "postgres", "--", "dropdb", "catgraft")
    system.machine.run("rm", "-r", OBJECTS, "/var/cache/catgraft-pagestore")


def test_a_destroyed_system_is_restored_and_every_database_reads_as_before(system, replicas):
    writers = [_fill(replicas, system, name) for name in ("alice", "bob")]
    first = _backup(system)
    writers[0][0].query(FILL)
    writers[0][0].wait_pushed()
    expected = {volume: (replica.wait_pushed(), replica.digest(EVERYTHING)) for replica, volume, _ in writers}
    backup = _backup(system)
    assert backup["objects"]["count"] > first["objects"]["count"]
    assert (backup["schema"], backup["newest_commit"]["vid"]) == (SCHEMA, writers[0][1])
    # Committed after the backup: gone after the restore, and this client is told of it.
    ahead = writers[0][0]
    ahead.query("INSERT INTO t VALUES (NULL, 'after the backup')")
    ahead.wait_pushed()
    writers[1][0].stop()

    _destroy(system)
    system.command("init")
    dry = system.command("restore", "--dry-run", "latest").stderr
    assert "would replace the catalog" in dry and backup["name"] in dry and "in its way" not in dry
    assert system.command("restore", "latest").returncode == 0
    assert system.command("start").returncode == 0
    for volume, (lsn, digest) in expected.items():
        reader = replicas(system, f"reader-{volume}")
        reader.open(volume)
        reader.wait_pulled(lsn)
        assert reader.snapshot()[2] == lsn
        assert reader.digest(EVERYTHING) == digest
        assert reader.query("PRAGMA integrity_check") == [["ok"]]

    ahead.query("INSERT INTO t VALUES (NULL, 'on top of what is lost')")
    assert ahead.wait_push_settled(("RejectedCommit", "Conflict"), 60) == "RejectedCommit"
    # What the guide says of such a client: it begins anew, with an empty folder.
    ahead.stop()
    anew = replicas(system, "alice-anew")
    anew.open(writers[0][1])
    anew.wait_pulled(expected[writers[0][1]][0])
    anew.query("INSERT INTO t VALUES (NULL, 'on top of the backup')")
    anew.wait_pushed()


def test_a_restore_refuses_what_runs_or_is_not_empty_and_overwrites_only_when_told_to(system, replicas):
    replica, volume, lsn = _fill(replicas, system, "alice")
    digest = replica.digest(EVERYTHING)
    backup = _backup(system)
    replica.query(FILL)
    replica.wait_pushed()
    replica.stop()
    before = system.processes()
    refused = system.command("restore", backup["name"], check=False)
    assert refused.returncode == 1
    for reason in ("these services run", "the catalog has volumes", "the object store has objects", "--overwrite"):
        assert reason in refused.stderr
    system.command("restore", "--dry-run", backup["name"])
    assert system.processes() == before, "neither changed anything"
    system.command("stop")
    refused = system.command("restore", backup["name"], check=False).stderr
    assert "the catalog has volumes" in refused and "services run" not in refused

    system.start()
    system.command("restore", "--overwrite", backup["name"])
    assert [system.machine.property(unit, "ActiveState") for unit in UNITS] == ["inactive", "inactive"]
    system.start()
    reader = replicas(system, "reader")
    reader.open(volume)
    reader.wait_pulled(lsn)
    assert (reader.snapshot()[2], reader.digest(EVERYTHING)) == (lsn, digest)


def test_a_damaged_backup_is_not_restored(system, replicas):
    _fill(replicas, system, "alice")
    name = _backup(system)["name"]
    system.command("backup", "--verify", name)
    machine = system.machine
    listed = machine.run("tail", "-n", "1", f"{FOLDER}/backups/{name}/objects.sha256").stdout.split()[1]
    for file in (f"{FOLDER}/objects/segments/{listed}", f"{FOLDER}/backups/{name}/catalog.dump"):
        machine.run("cp", "--archive", file, "/root/whole")
        machine.run("dd", "if=/dev/zero", f"of={file}", "bs=1", "count=16", "seek=100", "conv=notrunc")
        damaged = system.command("backup", "--verify", name, check=False)
        assert damaged.returncode == 1 and f"backup {name} is damaged" in damaged.stderr
        assert file.rsplit("/", 1)[1] in damaged.stderr
        refused = system.command("restore", "--overwrite", name, check=False)
        assert refused.returncode == 1 and "is damaged" in refused.stderr
        assert system.status()[0] == 0, "nothing was stopped"
        machine.run("mv", "/root/whole", file)
    system.command("backup", "--verify", name)
    missing = system.command("backup", "--verify", "20200101T000000Z", check=False)
    assert missing.returncode == 1 and "there is no backup 20200101T000000Z" in missing.stderr


def test_a_dump_that_fails_leaves_no_backup(system):
    before = system.command("backup", "--list", check=False).stdout
    # A table of another owner cannot be dumped.
    psql = ["runuser", "-u", "postgres", "--", "psql", "--quiet", "catgraft", "--command"]
    system.machine.run(*psql, "CREATE TABLE of_another (a int)")
    try:
        failed = system.command("backup", check=False)
        assert failed.returncode == 1 and "could not be dumped" in failed.stderr and "of_another" in failed.stderr
    finally:
        system.machine.run(*psql, "DROP TABLE of_another")
    assert system.command("backup", "--list", check=False).stdout == before


def test_the_timers_unit_takes_backups_and_old_ones_go(system):
    for _ in range(4):
        # Names are moments, to the second.
        before = system.command("backup", "--list", check=False, quiet=True).stdout
        system.machine.run("systemctl", "start", "catgraft-backup.service")
        after = system.command("backup", "--list", quiet=True).stdout
        assert before != after
    assert len(after.splitlines()) == 3, "as many as the host's settings keep"
    assert system.machine.property("catgraft-backup.service", "Result") == "success"
    assert system.machine.property("catgraft-backup.timer", "ActiveState") == "active"
    backup = system.status()[1]["backup"]
    assert (backup["count"], backup["timer"], backup["last_run"]) == (3, "active", "success")
    owner = system.machine.run("find", FOLDER + "/", "-type", "f", "-not", "-perm", "600").stdout
    assert owner == "", "backups are for their own identity alone"
