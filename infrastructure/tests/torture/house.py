"""What is tortured: metastores and pagestores as real processes, and what they stand on.

On Postgres, two of each share one catalog; an embedded catalog has one metastore. Pagestores share a folder of objects
or an S3 double. Catalog and folder have a disk each, where there can be such. A house knows how to be started, checked
and ended, nothing of what goes wrong in between.
"""

import json
import shutil
import subprocess
import urllib.request

from deployments import BINARIES, S3Double
from disks import Disk
from postgres import Cluster
from processes import Process, clean_environment, free_port

_KEYS = {"AWS_ACCESS_KEY_ID": "torture", "AWS_SECRET_ACCESS_KEY": "torture-secret", "AWS_REGION": "us-east-1"}
_BUCKET = "catgraft"
# Caches so small that the store is asked all the time.
_PAGESTORE = ["--cache-memory-limit", "4MiB", "--cache-space-limit", "8MiB"]
# Orphans are searched for all the time. None is old enough to be one: what goes is a loss.
_PAGESTORE += ["--orphans-interval", "2s", "--orphans-grace", "1h"]
# How a full disk is told, by the system and by SQLite.
_NO_ROOM = ("No space left on device", "database or disk is full")
# How `catgraft fsck` ends where nothing is lost: there may be orphans.
_NOTHING_LOST = (0, 3)


class House:
    """All processes of a run, in a folder."""

    def __init__(self, folder, catalog, store, seed):
        self.folder = folder
        self.postgres = Cluster() if catalog == "postgres" else None
        self.store = Store(folder, seed) if store == "s3" else None
        # What is no server's.
        self.catalog = None if self.postgres else Disk("the catalog's disk", folder / "catalog")
        self.objects = None if self.store else Disk("the objects' disk", folder / "objects")
        self.metastores = [self._metastore(number) for number in ((1, 2) if self.postgres else (1,))]
        self.pagestores = [self._pagestore(number) for number in (1, 2)]

    @property
    def services(self):
        """Metastores and pagestores, in the order of their start."""
        return [*self.metastores, *self.pagestores]

    def _metastore(self, number):
        environment = {"METASTORE_CATALOG__MIGRATE": "true"}
        if self.postgres:
            environment["METASTORE_CATALOG__URL"] = self.postgres.url()
        else:
            environment["METASTORE_CATALOG__PATH"] = str(self._catalog_file())
        return Service("metastore", number, self.folder, [], environment)

    def _catalog_file(self):
        return self.catalog.folder / "catalog.sqlite"

    def _pagestore(self, number):
        metastore = self.metastores[(number - 1) % len(self.metastores)]
        options = ["--metastore", metastore.url, "--cache-path", self.folder / f"cache-{number}", *_PAGESTORE]
        return Service("pagestore", number, self.folder, options, self._objectstore())

    def _objectstore(self):
        """The settings of the object store, as variables."""
        if self.store is None:
            return {"PAGESTORE_OBJECTSTORE__TYPE": "fs", "PAGESTORE_OBJECTSTORE__ROOT": str(self.objects.folder)}
        return _KEYS | {
            "PAGESTORE_OBJECTSTORE__TYPE": "s3_compatible",
            "PAGESTORE_OBJECTSTORE__BUCKET": _BUCKET,
            "PAGESTORE_OBJECTSTORE__ENDPOINT": self.store.url,
            # A store that does not answer is given up before the client gives up.
            "PAGESTORE_OBJECTSTORE__STALL_TIMEOUT": "1s",
        }

    def start(self):
        """Starts everything and returns once it is ready."""
        for disk in filter(None, [self.catalog, self.objects]):
            disk.mount()
        if self.postgres:
            self.postgres.create()
        for process in [*filter(None, [self.store]), *self.services]:
            process.start()
        return self

    def check(self):
        """Fails where a service ended that nobody asked to, or panicked."""
        for process in [*filter(None, [self.postgres, self.store]), *self.services]:
            status = process.child.poll()
            assert status is None, f"{process.name} ended by itself with {status}:\n{process.output()[-3000:]}"
        for service in self.services:
            panics = [line for line in service.output().splitlines() if "panicked" in line]
            assert not panics, f"{service.name} panicked: {panics[0]}"

    def stop(self):
        """Asks every service to end; each must end well."""
        for service in reversed(self.services):
            service.stop()

    def compare(self):
        """Has `catgraft fsck` compare catalog and store, every page of them, and returns what it looked at and found.

        Fails where anything is missing, damaged or dangling.
        """
        catalog = ["--url", self.postgres.url()] if self.postgres else ["--path", self._catalog_file()]
        command = [BINARIES / "catgraft", "fsck", "--json", "--pages", "--grace", "1h", *catalog]
        environment = clean_environment() | self._objectstore()
        done = subprocess.run(command, env=environment, cwd=self.folder, capture_output=True, text=True)
        assert done.returncode in _NOTHING_LOST, f"catgraft fsck ends with {done.returncode}:\n{done.stdout}{done.stderr}"
        return json.loads(done.stdout.splitlines()[-1])

    def writes_without_room(self):
        """How often a full disk was complained of so far."""
        logs = [process.output() for process in [*filter(None, [self.postgres]), *self.services]]
        return sum(log.count(words) for log in logs for words in _NO_ROOM)

    def kill(self):
        """Ends whatever still runs, without a word."""
        for process in [*self.services, *filter(None, [self.store])]:
            if process.child is not None and process.child.poll() is None:
                process.kill()
        if self.postgres:
            self.postgres.kill()

    def leave(self, keep):
        """Ends the disks and removes the cluster's folder; its log and what the disks held stay where they are wanted."""
        for disk in filter(None, [self.catalog, self.objects]):
            disk.unmount(keep)
        if self.postgres:
            if keep and self.postgres.log.exists():
                shutil.copy(self.postgres.log, self.folder / "postgres.log")
            self.postgres.remove()


class Service(Process):
    """A metastore or pagestore on a port that it keeps."""

    def __init__(self, kind, number, folder, options, environment):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        command = [BINARIES / kind, "--host", "127.0.0.1", "--port", port, *options]
        super().__init__(f"{kind}-{number}", command, folder, [f"{self.url}/ready"], environment)


class Store(S3Double):
    """An S3 double that is told what to do wrong. Its objects are in its memory: it is frozen, never ended."""

    def __init__(self, folder, seed):
        address, control = (f"127.0.0.1:{free_port()}" for _ in range(2))
        self.url, self.control = f"http://{address}", f"http://{control}"
        command = [BINARIES / "s3-double", "--listen", address, "--control", control, "--bucket", _BUCKET]
        command += ["--seed", seed, "--put-latency", "2ms", "--get-latency", "1ms"]
        command += ["--access-key", _KEYS["AWS_ACCESS_KEY_ID"], "--secret-key", _KEYS["AWS_SECRET_ACCESS_KEY"]]
        super().__init__("s3-double", command, folder, [])

    def command_of(self, method, path, body=None):
        """Gives it a command, and returns the answer."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.control + path, data=data, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def switch(self, name, value):
        """Turns one of its switches."""
        self.command_of("POST", "/switches", {name: value})

    def faults(self):
        """How often each of its faults struck."""
        return self.command_of("GET", "/status")["faults"]
