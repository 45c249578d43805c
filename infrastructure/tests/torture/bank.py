"""A bank on the real client: one replica transfers money between accounts, another one pulls and counts it at every step.

Money is neither made nor lost by a transfer, so the sum over all accounts is the same in every snapshot. Each transfer
leaves a numbered row, so a snapshot with a part of a transfer, or without one that was pushed, shows.
"""

import random
import threading

from client import Replica, ReplicaError
from processes import wait_until

_ACCOUNTS, _BALANCE = 50, 1_000
_TOTAL = _ACCOUNTS * _BALANCE
# After one transfer in so many, the writer waits until everything is pushed.
_WAIT_ONE_IN = 10
_EVERYTHING = """SELECT id, owner, balance, NULL FROM accounts UNION ALL SELECT id, source, target, amount FROM transfers
                 ORDER BY 1, 2, 3"""
_LOOK = """SELECT (SELECT count(*) FROM accounts), (SELECT sum(balance) FROM accounts),
                  (SELECT count(*) FROM transfers), (SELECT coalesce(max(id), 0) FROM transfers)"""
# Errors that tell of damage, where others tell of a service that is away.
_DAMAGE = ("CorruptError", "NotADBError", "malformed")
_PATIENCE = 90
_LOOK_EVERY = 0.02


class Bank:
    """Two replicas in threads of their own, until they are told to stop."""

    def __init__(self, folder, house, seed):
        self.folder, self.house, self.rng = folder / "replicas", house, random.Random(seed)
        # `pushed` is a remote LSN and how many transfers it has; `seen` is what the reader saw last.
        self.transfers, self.pushed, self.seen, self.sums, self.refusals = 0, (0, 0), 0, 0, 0
        self.failure, self.stopped = None, threading.Event()
        self.writer, self.reader = self._replica("writer", 0), self._replica("reader", 1)
        self.threads = [threading.Thread(target=self._guarded, args=[work]) for work in (self._transfer, self._count)]

    def _replica(self, name, place):
        """A replica at its own metastore and pagestore, where there are two."""
        metastores, pagestores = self.house.metastores, self.house.pagestores
        metastore, pagestore = metastores[place % len(metastores)], pagestores[place % len(pagestores)]
        return Replica(self.folder / name, metastore.url, pagestore.url)

    def start(self):
        """Opens the bank: every account has the same balance, and the reader knows of them all."""
        self.volume = self.writer.open()
        self.writer.script(
            "CREATE TABLE accounts (id INTEGER PRIMARY KEY, owner TEXT NOT NULL, balance INTEGER NOT NULL)",
            "CREATE TABLE transfers (id INTEGER PRIMARY KEY, source INTEGER, target INTEGER, amount INTEGER)",
            f"""WITH RECURSIVE row (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM row WHERE id < {_ACCOUNTS})
                INSERT INTO accounts SELECT id, hex(randomblob(400)), {_BALANCE} FROM row""",
        )
        self.pushed = (self.writer.wait_pushed(), 0)
        self.reader.open(self.volume)
        self.reader.wait_pulled(self.pushed[0])
        for thread in self.threads:
            thread.start()
        return self

    def check(self):
        """Fails where one of the replicas has."""
        if self.failure is not None:
            raise AssertionError(f"the bank: {self.failure}") from self.failure

    def _guarded(self, work):
        try:
            while not self.stopped.is_set():
                work()
        except Exception as failure:  # told by `check`, in the thread that asks
            self.failure = self.failure or failure

    def _transfer(self):
        source, target = self.rng.sample(range(1, _ACCOUNTS + 1), 2)
        amount = self.rng.randint(1, 50)
        self.writer.script(
            f"UPDATE accounts SET balance = balance - {amount} WHERE id = {source}",
            f"UPDATE accounts SET balance = balance + {amount} WHERE id = {target}",
            f"INSERT INTO transfers VALUES ({self.transfers + 1}, {source}, {target}, {amount})",
        )
        self.transfers += 1
        if self.rng.randrange(_WAIT_ONE_IN) == 0:
            self._wait_pushed()

    def _wait_pushed(self):
        self.pushed = (self.writer.wait_pushed(_PATIENCE), self.transfers)

    def _count(self):
        pushed_lsn, pushed_transfers = self.pushed
        is_newer = self.reader.snapshot()[2] >= pushed_lsn
        try:
            [[accounts, total, transfers, newest]] = self.reader.query(_LOOK)
        except ReplicaError as error:
            if any(word in str(error) for word in _DAMAGE):
                raise
            self.refusals += 1
            self.stopped.wait(_LOOK_EVERY)
            return
        found = f"{accounts} accounts with {total} in all, {transfers} transfers up to number {newest}"
        assert (accounts, total) == (_ACCOUNTS, _TOTAL), f"the reader sees {found}, of {_ACCOUNTS} with {_TOTAL}"
        assert transfers == newest, f"the reader sees {found}"
        known = max(self.seen, pushed_transfers) if is_newer else self.seen
        assert transfers >= known, f"the reader sees {found}, of {known} that were seen or pushed before"
        self.seen = transfers
        self.sums += 1
        self.stopped.wait(_LOOK_EVERY)

    def finish(self):
        """Stops the transfers, and compares what everybody sees in the end, a replica that is new as well."""
        self.stopped.set()
        for thread in self.threads:
            thread.join(_PATIENCE)
            assert not thread.is_alive(), f"a replica has not answered for {_PATIENCE} s"
        self.check()
        self._wait_pushed()
        remote, transfers = self.pushed
        written = self.writer.digest(_EVERYTHING)
        assert written[0] == _ACCOUNTS + transfers, f"the writer has {written[0]} rows after {transfers} transfers"
        fresh = self._replica("fresh", 1)
        try:
            fresh.open(self.volume)
            for replica in (self.reader, fresh):
                replica.wait_pulled(remote, _PATIENCE)
                read = self._patiently(replica)
                assert read == written, f"{replica.name} has {read} at LSN {remote}, and the writer {written}"
                assert replica.query("PRAGMA integrity_check") == [["ok"]], f"the database of {replica.name} is damaged"
        finally:
            fresh.stop()
        return {"transfers": transfers, "pushes": remote, "sums": self.sums, "refusals": self.refusals}

    def _patiently(self, replica):
        def read():
            try:
                return replica.digest(_EVERYTHING)
            except ReplicaError as error:
                if any(word in str(error) for word in _DAMAGE):
                    raise
                return None

        return wait_until(read, f"{replica.name} to read everything", _PATIENCE, every=0.1)

    def kill(self):
        """Ends the replicas."""
        self.stopped.set()
        for replica in (self.writer, self.reader):
            replica.stop()
