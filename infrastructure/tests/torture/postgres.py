"""A Postgres cluster of a run's own, made to be killed: it syncs, so what it acknowledged has to be there afterwards."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from disks import Disk
from processes import clean_environment, wait_until

_DATABASE = "catalog"


class Cluster:
    """One cluster with one database; it listens on a socket in its own folder only.

    Its programs (initdb, postgres, psql) must be in PATH. Postgres refuses to run as root: root runs it as the user
    `postgres`.
    """

    name = "postgres"

    def __init__(self):
        # Not in the folder of the run: the path of a socket may have 107 bytes at most.
        self.folder = Path(tempfile.mkdtemp(prefix="catgraft-torture-postgres.", dir="/tmp"))
        self.folder.chmod(0o755)
        # Its log lies beside its disk, not on it.
        self.log, self.disk = self.folder / "log", Disk("postgres's disk", self.folder / "data")
        self.child = None
        self._user = pwd.getpwuid(os.getuid()).pw_name
        self._as, self._owner = {}, None
        if os.getuid() == 0:
            server = pwd.getpwnam("postgres")
            self._owner = server.pw_uid, server.pw_gid
            os.chown(self.folder, *self._owner)
            self._as = {"user": server.pw_uid, "group": server.pw_gid, "extra_groups": []}

    def create(self):
        """Makes the cluster and its database, and starts it."""
        self.disk.mount(self._owner)
        options = ["--auth-local", "peer", "--auth-host", "reject", "--encoding", "UTF8", "--no-locale"]
        # Its log is in small files, each of them new: a full disk soon has no room for the next one.
        options += ["--wal-segsize", "1"]
        command = ["initdb", "--pgdata", self.disk.folder, "--username", self._user, *options]
        made = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, **self._as)
        assert made.returncode == 0, f"initdb failed:\n{made.stdout}{made.stderr}"
        self.start()
        self.query(f"CREATE DATABASE {_DATABASE}", "postgres")
        return self

    def url(self, database=_DATABASE):
        """The URL of the database."""
        return f"postgres:///{database}?host={self.folder}&user={self._user}"

    def query(self, sql, database=_DATABASE):
        """What a statement answers, as text."""
        command = ["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "-c", sql, self.url(database)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)
        return done.stdout.strip()

    def start(self):
        """Starts it, and returns once it takes connections."""
        wait_until(self._is_up, lambda: f"Postgres to start; its log:\n{self.output()[-3000:]}", 60, every=0.1)
        return self

    def _is_up(self):
        # Tried again where it ended at once: after a kill, the last backends of the old one may still hold its memory.
        if self.child is None or self.child.poll() is not None:
            self._spawn()
        return subprocess.run(["pg_isready", "--quiet", "--host", self.folder, "--dbname", "postgres"]).returncode == 0

    def _spawn(self):
        settings = ["listen_addresses=", f"unix_socket_directories={self.folder}", "max_connections=100"]
        # Before it recovers, it has everything synced: the file system as a whole, which is faster than file by file.
        settings.append("recovery_init_sync_method=syncfs")
        settings.append("wal_recycle=off")
        options = [word for setting in settings for word in ("-c", setting)]
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(
                ["postgres", "-D", self.disk.folder, *options],
                cwd=self.folder,
                env=clean_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                **self._as,
            )

    def send(self, number):
        """Sends a signal to the postmaster."""
        self.child.send_signal(number)

    def wait_ended(self):
        """Waits until the postmaster is no more."""
        self.child.wait(timeout=60)

    def backends(self):
        """The processes of the cluster besides the postmaster, which change at any time."""
        pid = self.child.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def signal_all(self, number):
        """Sends a signal to every process of the cluster, to the postmaster first, so that no new ones come."""
        for pid in [self.child.pid, *self.backends()]:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def output(self):
        """What it logged so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def kill(self):
        """Ends it for good."""
        if self.child is not None and self.child.poll() is None:
            self.signal_all(signal.SIGCONT)
            self.send(signal.SIGQUIT)
            self.wait_ended()

    def remove(self):
        """Removes its folder, the log in it too."""
        self.disk.unmount(keep=False)
        shutil.rmtree(self.folder, ignore_errors=True)
