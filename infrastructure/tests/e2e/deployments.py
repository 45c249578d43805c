"""The three ways to run CatGraft that the tests go through, each with tokens and without.

A deployment owns its folder, its processes and their ports; it can be started, restarted and asked for a token.
It knows nothing of clients.
"""

import os
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

from processes import Process, clean_environment, free_port, wait_until

BINARIES = Path(os.environ.get("CATGRAFT_TEST_BINARIES", "target/debug")).resolve()
_BUCKET, _ACCESS_KEY, _SECRET_KEY = "catgraft", "e2e", "e2e-secret"


def catgraft(*arguments):
    """Runs the command line and returns what it prints."""
    command = [BINARIES / "catgraft", *arguments]
    return subprocess.run(command, env=clean_environment(), check=True, capture_output=True, text=True).stdout.strip()


class Deployment:
    """A metastore and a pagestore, with what they stand on."""

    def __init__(self, folder, with_tokens):
        self.folder, self.with_tokens = folder, with_tokens
        self.ports = {"metastore": free_port(), "pagestore": free_port()}
        self.metastore, self.pagestore = (f"http://127.0.0.1:{port}" for port in self.ports.values())
        self.key_file = folder / "auth.key"
        self.backing, self.services = [], []
        folder.mkdir(parents=True)
        self.prepare()

    def prepare(self):
        """Fills `services`, and `backing` with what they need, in the order of their start."""
        raise NotImplementedError

    def start(self):
        """Starts everything and returns once it is ready."""
        for process in [*self.backing, *self.services]:
            process.start()
        return self

    @contextmanager
    def away(self, kill=False):
        """Both services ended, asking or not, for as long as the block; then started on what they had stored."""
        for service in reversed(self.services):
            service.kill() if kill else service.stop()
        yield
        for service in self.services:
            service.start()

    def restart(self, kill=False):
        """Ends both services and starts them again."""
        with self.away(kill):
            pass

    @contextmanager
    def paused(self):
        """Both services hang for as long as the block: they take connections, and answer afterwards."""
        for service in self.services:
            service.child.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for service in self.services:
                service.child.send_signal(signal.SIGCONT)

    def stop(self):
        """Ends everything; both services must end well."""
        for process in reversed([*self.backing, *self.services]):
            process.stop()

    def kill(self):
        """Ends whatever still runs, without a word."""
        for process in [*self.services, *self.backing]:
            if process.child is not None and process.child.poll() is None:
                process.kill()

    def complaints(self):
        """What the services logged that asks for a human."""
        return [f"{service.name}: {line}" for service in self.services for line in service.complaints()]

    def token(self, subject):
        """A token for a client; None where none is needed."""
        return catgraft("token", "--sk-file", self.key_file, subject) if self.with_tokens else None

    def ready_url(self, service):
        """Where a service says whether it is ready."""
        return f"http://127.0.0.1:{self.ports[service]}/ready"


class Embedded(Deployment):
    """`catgraft dev`: both services in one process, nothing to set up."""

    def prepare(self):
        command = [BINARIES / "catgraft", "dev", "--dir", self.folder]
        for service, port in self.ports.items():
            command += [f"--{service}-port", port]
        if self.with_tokens:
            command.append("--auth")
        ready = [self.ready_url("metastore"), self.ready_url("pagestore")]
        self.services = [Process("dev", command, self.folder, ready)]


class PostgresAndFolder(Deployment):
    """The two daemons on Postgres and a folder of objects."""

    def prepare(self):
        if self.with_tokens:
            self.key_file.write_text(catgraft("secret-key") + "\n")
            self.key_file.chmod(0o600)
        auth = f'\n[auth]\nkey_file = "{self.key_file}"\n' if self.with_tokens else ""
        common = 'host = "127.0.0.1"\nport = {port}\n'
        (self.folder / "metastore.toml").write_text(
            common.format(port=self.ports["metastore"])
            + f'\n[catalog]\nurl = "{self.create_database()}"\nmigrate = true\n'
            + auth
        )
        (self.folder / "pagestore.toml").write_text(
            common.format(port=self.ports["pagestore"])
            + f'metastore = "{self.metastore}"\n\n[objectstore]\n{self.object_store()}\n'
            + f'[cache]\npath = "{self.folder / "cache"}"\n'
            + auth
        )
        for service in self.ports:
            command = [BINARIES / service, "--config", self.folder / f"{service}.toml"]
            ready = [self.ready_url(service)]
            self.services.append(Process(service, command, self.folder, ready, self.environment()))

    def create_database(self):
        """Makes a database of this deployment's own in the run's Postgres, and returns its URL."""
        cluster = os.environ.get("CATGRAFT_TEST_POSTGRES")
        assert cluster, "CATGRAFT_TEST_POSTGRES is not set: run infrastructure/scripts/test --only e2e"
        name = f"e2e_{self.ports['metastore']}_{os.getpid()}"
        subprocess.run(["psql", "-qX", cluster, "-c", f"CREATE DATABASE {name}"], check=True)
        assert "/postgres?" in cluster, "CATGRAFT_TEST_POSTGRES must name the database `postgres`"
        return cluster.replace("/postgres?", f"/{name}?", 1)

    def object_store(self):
        """The [objectstore] part of the pagestore's settings."""
        return f'type = "fs"\nroot = "{self.folder / "objects"}"\n'

    def environment(self):
        """Variables that the services need besides their files."""
        return {}


class PostgresAndS3(PostgresAndFolder):
    """The two daemons on Postgres and an S3 server."""

    def object_store(self):
        port = free_port()
        command = [BINARIES / "s3-double", "--listen", f"127.0.0.1:{port}", "--bucket", _BUCKET]
        command += ["--access-key", _ACCESS_KEY, "--secret-key", _SECRET_KEY]
        self.backing = [S3Double("s3-double", command, self.folder, [])]
        endpoint = f"http://127.0.0.1:{port}"
        return f'type = "s3_compatible"\nbucket = "{_BUCKET}"\nprefix = "e2e"\nendpoint = "{endpoint}"\n'

    def environment(self):
        return {"AWS_ACCESS_KEY_ID": _ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": _SECRET_KEY}


class S3Double(Process):
    """The S3 server: it says that it listens by printing where."""

    def start(self):
        super().start()
        wait_until(lambda: "http://" in self.output(), lambda: f"{self.name} to listen:\n{self.output()}")
        return self

    def stop(self):
        self.kill()


DEPLOYMENTS = {"embedded": Embedded, "postgres-fs": PostgresAndFolder, "postgres-s3": PostgresAndS3}
