"""The test's side of a replica: starts `replica.py` with its settings and talks to it in JSON lines."""

import json
import re
import subprocess
import sys
from pathlib import Path

from processes import clean_environment, wait_until

# A snapshot as the client prints it: `Snapshot[local;pages]`, then `[synced local r remote]` once it has a remote.
_SNAPSHOT = re.compile(r"Snapshot\[(\d+);(\d+)\](?:\[(\d+)r(\d+)\])?")
# Asking for the status restarts the one-second clock of the client's sync task: asked more often than that, the
# client would never pull nor retry. `graft_snapshot` does not have this effect.
_STATUS_EVERY = 1.5


class ReplicaError(Exception):
    """What the client said when it refused."""


class Replica:
    """One client with its own data folder."""

    def __init__(self, folder, metastore, pagestore, token=None):
        folder.mkdir(parents=True, exist_ok=True)
        environment = clean_environment() | {
            "GRAFT_METASTORE": metastore,
            "GRAFT_PAGESTORE": pagestore,
            "GRAFT_DATA_DIR": str(folder),
            "GRAFT_AUTOSYNC": "true",
        }
        if token is not None:
            environment["GRAFT_TOKEN"] = token
        self.name = folder.name
        self.child = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("replica.py"))],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, op, **arguments):
        """One request and its answer."""
        self.child.stdin.write(json.dumps({"op": op, **arguments}) + "\n")
        self.child.stdin.flush()
        line = self.child.stdout.readline()
        if not line:
            raise ReplicaError(f"replica {self.name} ended with {self.child.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise ReplicaError(answer["error"])
        return answer["ok"]

    def open(self, volume="random"):
        """Opens a volume, a new one where none is named, and returns its id."""
        return self.ask("open", volume=volume)

    def query(self, sql, *bindings):
        """Rows of a statement, as lists."""
        return self.ask("query", sql=sql, bindings=bindings)

    def script(self, *statements):
        """Runs statements as one transaction."""
        self.ask("script", statements=statements)

    def execute_many(self, sql, rows):
        """Runs a statement for every row, as one transaction."""
        self.ask("execute_many", sql=sql, rows=rows)

    def digest(self, sql):
        """(rows, hash of all rows) of a query."""
        return tuple(self.ask("digest", sql=sql))

    def snapshot(self):
        """(local LSN, synced local LSN, remote LSN); 0 for what there is not yet."""
        found = _SNAPSHOT.search(self.ask("pragma", name="graft_snapshot"))
        return (int(found[1]), int(found[3] or 0), int(found[4] or 0)) if found else (0, 0, 0)

    def status(self):
        """`Ok`, `RejectedCommit`, `Conflict` or `InterruptedPush`. Not to be asked in a loop: see `_STATUS_EVERY`."""
        return re.search(r"Volume status: (\w+)", self.ask("pragma", name="graft_status"))[1]

    def sync_errors(self):
        """The last errors of the sync task. The same clock as with `status`."""
        return self.ask("pragma", name="graft_sync_errors")

    def reset(self):
        """Drops local changes and takes the remote state."""
        self.ask("pragma", name="graft_reset")

    def wait_pushed(self, seconds=30):
        """Waits until the remote has every local commit, and returns the remote LSN."""

        def pushed():
            local, synced, remote = self.snapshot()
            return remote if local == synced and local > 0 else None

        return wait_until(pushed, lambda: f"the push of {self.name}: {self.describe()}", seconds)

    def wait_pulled(self, remote_lsn, seconds=30):
        """Waits until this replica is at the remote LSN or a newer one."""
        wait_until(
            lambda: self.snapshot()[2] >= remote_lsn,
            lambda: f"{self.name} to pull LSN {remote_lsn}: {self.describe()}",
            seconds,
        )

    def wait_push_settled(self, conflicts, seconds=30):
        """Waits until the push is through ("Ok") or has ended in one of the states `conflicts`; returns which."""

        def settled():
            local, synced, _ = self.snapshot()
            if local == synced:
                return "Ok"
            status = self.status()
            return status if status in conflicts else None

        return wait_until(
            settled, lambda: f"an end of the push of {self.name}: {self.describe()}", seconds, _STATUS_EVERY
        )

    def wait_for_sync_error(self, text, seconds=30):
        """Waits until the client's list of errors holds a text."""
        wait_until(
            lambda: text in self.sync_errors(),
            lambda: f"a sync error with {text!r} of {self.name}: {self.describe()}",
            seconds,
            _STATUS_EVERY,
        )

    def describe(self):
        """Everything the client says of itself, for a failed assertion."""
        return self.ask("pragma", name="graft_status") + self.sync_errors()

    def stop(self):
        """Ends the replica."""
        self.child.kill()
        self.child.wait()
        self.child.stdin.close()
        self.child.stdout.close()
