"""Backups of a system whose objects are in a bucket: to another place of an S3 server, and without the objects."""

import json
import re

import pytest
from system import PAGESTORE, System

EVERYTHING = "SELECT * FROM t ORDER BY id"
FILL = """WITH RECURSIVE row (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM row WHERE id < 2000)
          INSERT INTO t SELECT NULL, randomblob(2000) FROM row"""
ENDPOINT, KEY, SECRET = "http://127.0.0.1:4900", "systemd", "systemd-secret"
ETC = "/etc/catgraft-s3"
FACTS = {
    "CATGRAFT_SANDBOX": f"{ETC}/sandbox",
    "CATGRAFT_PAGESTORE_CONFIG": f"{ETC}/pagestore.toml",
    "CATGRAFT_OBJECTS_TYPE": "s3_compatible",
    "CATGRAFT_OBJECTS_ROOT": "",
    "CATGRAFT_OBJECTS_BUCKET": "catgraft",
    "CATGRAFT_OBJECTS_PREFIX": "live",
    "CATGRAFT_OBJECTS_ENDPOINT": ENDPOINT,
    "CATGRAFT_S3_CREDENTIAL": "s3-credentials",
    "CATGRAFT_RCLONE_CREDENTIAL": "rclone-config",
    "CATGRAFT_BACKUP_DESTINATION": "elsewhere:catgraft/backup",
}
STORE = f"""
[objectstore]
type = "s3_compatible"
bucket = "catgraft"
prefix = "live"
endpoint = "{ENDPOINT}"
"""


class SystemOnS3(System):
    """The same units with another store, and the commands with the facts that belong to it."""

    facts = f"{ETC}/operator.conf"

    def command(self, name, *arguments, check=True, **options):
        """Runs `catgraft-NAME` with this system's facts."""
        command = ["env", f"CATGRAFT_OPERATOR_CONF={self.facts}", f"catgraft-{name}"]
        return self.machine.run(*command, *arguments, check=check, **options)

    def rclone(self, *arguments):
        """Does something to the bucket."""
        return self.machine.run("rclone", f"--config={ETC}/rclone-config", *arguments).stdout

    def prepare(self):
        """Writes what NixOS would have rendered for such a host, and starts its S3 server."""
        machine = self.machine
        read = lambda path: machine.run("cat", path, quiet=True).stdout  # noqa: E731
        facts = read("/etc/catgraft/operator.conf")
        [config] = re.findall(r"^CATGRAFT_PAGESTORE_CONFIG=(.*)$", facts, re.MULTILINE)
        [binary] = re.findall(r"^CATGRAFT_PAGESTORE_BINARY=(.*)$", facts, re.MULTILINE)
        for key, value in FACTS.items():
            facts, found = re.subn(rf"^{key}=.*$", f"{key}='{value}'", facts, flags=re.MULTILINE)
            assert found == 1, f"operator.conf has no {key}"
        machine.write(self.facts, facts)
        machine.write(f"{ETC}/operator-none.conf", facts.replace("OBJECTS=copy", "OBJECTS=none"))
        credentials = f"LoadCredential=s3-credentials:{ETC}/s3-credentials\n"
        for name in ("metastore", "pagestore", "backup"):
            more = {"metastore": "", "pagestore": credentials, "backup": credentials}[name]
            if name == "backup":
                more += f"LoadCredential=rclone-config:{ETC}/rclone-config\n"
            machine.write(f"{ETC}/sandbox/{name}.properties", read(f"/etc/catgraft/sandbox/{name}.properties") + more)
        machine.write(f"{ETC}/pagestore.toml", re.sub(r"\[objectstore\][^\[]*", "", read(config)) + STORE)
        machine.write(f"{ETC}/s3-credentials", f"[default]\naws_access_key_id={KEY}\naws_secret_access_key={SECRET}\n")
        machine.write(
            f"{ETC}/rclone-config",
            f"[elsewhere]\ntype = s3\nprovider = Other\nlist_version = 2\nno_check_bucket = true\nendpoint = {ENDPOINT}\n"
            f"access_key_id = {KEY}\nsecret_access_key = {SECRET}\n",
        )
        machine.write(
            f"/run/systemd/system/{PAGESTORE}.d/s3.conf",
            f"[Service]\n{credentials}Environment=AWS_SHARED_CREDENTIALS_FILE=%d/s3-credentials\n"
            f"ExecStart=\nExecStart={binary} --config {ETC}/pagestore.toml\n",
        )
        machine.run("systemctl", "daemon-reload")
        server = ["s3-double", "--listen", ENDPOINT.removeprefix("http://"), "--bucket", "catgraft"]
        machine.run("systemd-run", "--unit=s3-double", *server, "--access-key", KEY, "--secret-key", SECRET)
        return self

    def remove(self):
        """Leaves the machine as it was."""
        self.command("stop")
        self.machine.run("rm", "-r", f"/run/systemd/system/{PAGESTORE}.d", ETC)
        self.machine.run("systemctl", "stop", "s3-double")
        self.machine.run("systemctl", "daemon-reload")


@pytest.fixture
def on_s3(first_system):
    """The system with its objects in a bucket, ready."""
    first_system.command("stop")
    system = SystemOnS3(first_system.machine).prepare()
    try:
        system.command("init")
        system.start()
        yield system
    finally:
        system.remove()


def _fill(replicas, system, name):
    replica = replicas(system, name)
    volume = replica.open()
    replica.script("CREATE TABLE t (id INTEGER PRIMARY KEY, payload BLOB)", FILL)
    return replica, volume, replica.wait_pushed()


def test_another_machine_restores_from_the_destination_what_is_gone_here(on_s3, replicas):
    machine = on_s3.machine
    alice, volume, lsn = _fill(replicas, on_s3, "alice")
    digest = alice.digest(EVERYTHING)
    backup = json.loads(on_s3.command("backup", "--json").stdout)
    assert backup["objects"]["count"] > 0 and backup["objects"]["list"]["file"] == "objects.sizes"
    on_s3.command("backup", "--verify", "latest")
    assert backup["name"] in on_s3.rclone("lsf", "elsewhere:catgraft/backup/backups/", "--recursive", "--fast-list")
    alice.stop()

    on_s3.command("stop")
    machine.run("runuser", "-u", "postgres", "--", "dropdb", "catgraft")
    on_s3.rclone("delete", "--fast-list", "elsewhere:catgraft/live")
    machine.run("bash", "-c", "rm -r /var/lib/catgraft-backup/backups /var/cache/catgraft-pagestore")
    on_s3.command("init")
    assert backup["name"] in on_s3.command("backup", "--list").stdout, "found where it was sent"
    on_s3.command("restore", backup["name"])
    on_s3.start()
    reader = replicas(on_s3, "reader")
    reader.open(volume)
    reader.wait_pulled(lsn)
    assert reader.digest(EVERYTHING) == digest
    assert reader.query("PRAGMA integrity_check") == [["ok"]]

    [first, *_] = on_s3.rclone("lsf", "--recursive", "--files-only", "--fast-list", "elsewhere:catgraft/backup/objects").split()
    on_s3.rclone("deletefile", f"elsewhere:catgraft/backup/objects/{first}")
    damaged = on_s3.command("backup", "--verify", "latest", check=False)
    assert damaged.returncode == 1 and first.removeprefix("segments/") in damaged.stderr


def test_a_bucket_that_looks_after_itself_needs_only_the_catalog_restored(on_s3, replicas):
    alice, volume, lsn = _fill(replicas, on_s3, "alice")
    digest = alice.digest(EVERYTHING)
    on_s3.facts = f"{ETC}/operator-none.conf"
    backup = json.loads(on_s3.command("backup", "--json").stdout)
    assert backup["objects"] == {"copied": False}
    alice.query(FILL)
    alice.wait_pushed()
    alice.stop()
    on_s3.command("restore", "--overwrite", backup["name"])
    on_s3.start()
    reader = replicas(on_s3, "reader")
    reader.open(volume)
    reader.wait_pulled(lsn)
    assert (reader.snapshot()[2], reader.digest(EVERYTHING)) == (lsn, digest)
