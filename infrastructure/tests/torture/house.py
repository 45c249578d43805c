"""What is tortured: metastores and pagestores as real processes, and what they stand on.

On Postgres, two of each share one catalog; an embedded catalog has one metastore. Pagestores share a folder of objects
or an S3 double. A house knows how to be started and ended, nothing of what goes wrong in between.
"""

import json
import shutil
import urllib.request

from deployments import BINARIES, S3Double
from postgres import Cluster
from processes import Process, free_port

_KEYS = {"AWS_ACCESS_KEY_ID": "torture", "AWS_SECRET_ACCESS_KEY": "torture-secret", "AWS_REGION": "us-east-1"}
_BUCKET = "catgraft"
# Caches so small that the store is asked all the time.
_PAGESTORE = ["--cache-memory-limit", "4MiB", "--cache-space-limit", "8MiB"]


class House:
    """All processes of a run, in a folder."""

    def __init__(self, folder, catalog, store, seed):
        self.folder = folder
        self.postgres = Cluster() if catalog == "postgres" else None
        self.store = Store(folder, seed) if store == "s3" else None
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
            environment["METASTORE_CATALOG__PATH"] = str(self.folder / "catalog.sqlite")
        return Service("metastore", number, self.folder, [], environment)

    def _pagestore(self, number):
        metastore = self.metastores[(number - 1) % len(self.metastores)]
        options = ["--metastore", metastore.url, "--cache-path", self.folder / f"cache-{number}", *_PAGESTORE]
        if self.store is None:
            options += ["--objectstore-type", "fs", "--objectstore-root", self.folder / "objects"]
            return Service("pagestore", number, self.folder, options, {})
        options += ["--objectstore-type", "s3_compatible", "--objectstore-bucket", _BUCKET]
        # A store that does not answer is given up before the client gives up.
        options += ["--objectstore-endpoint", self.store.url, "--objectstore-stall-timeout", "1s"]
        return Service("pagestore", number, self.folder, options, _KEYS)

    def start(self):
        """Starts everything and returns once it is ready."""
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

    def kill(self):
        """Ends whatever still runs, without a word."""
        for process in [*self.services, *filter(None, [self.store])]:
            if process.child is not None and process.child.poll() is None:
                process.kill()
        if self.postgres:
            self.postgres.kill()

    def remove_postgres(self, keep_log):
        """Removes the cluster's folder; its log stays with the others where it is wanted."""
        if self.postgres:
            if keep_log and self.postgres.log.exists():
                shutil.copy(self.postgres.log, self.folder / "postgres.log")
            shutil.rmtree(self.postgres.folder, ignore_errors=True)


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
