"""One replica: a process that holds the real client and does what JSON lines on stdin tell it.

The client takes its settings from the environment and its extension lives as long as the process, so a replica
is a process: `harness.Replica` starts it and talks to it. Every request is one line `{"op": …, …}`, every answer
one line `{"ok": …}` or `{"error": …}`. This file knows nothing of services, stores and tests.
"""

import hashlib
import json
import sys

import apsw
import sqlite_graft


class Session:
    """The open database of this replica."""

    def __init__(self):
        self.loader = apsw.Connection(":memory:")
        self.loader.enable_load_extension(True)
        self.loader.load_extension(sqlite_graft.loadable_path())
        self.database = None

    def open(self, volume):
        """Opens a volume ("random" makes a new one) and answers its id."""
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_URI
        self.database = apsw.Connection(f"file:{volume}?vfs=graft", flags=flags)
        self.database.execute("PRAGMA journal_mode=MEMORY").fetchall()
        # A pull that lands in the middle of a statement's lock is not an error of the test.
        self.database.set_busy_timeout(10_000)
        return self.database.execute("PRAGMA database_list").fetchall()[0][2]

    def query(self, sql, bindings=()):
        """Rows of one statement."""
        return self.database.execute(sql, bindings).fetchall()

    def execute_many(self, sql, rows):
        """Runs one statement for every row, as one transaction."""
        with self.database:
            self.database.executemany(sql, rows)

    def script(self, statements):
        """Runs statements as one transaction; all or none."""
        with self.database:
            for statement in statements:
                self.database.execute(statement).fetchall()

    def pragma(self, name):
        """The text that one of the extension's pragmas prints."""
        rows = self.database.execute(f"PRAGMA {name}").fetchall()
        return "\n".join(str(row[0]) for row in rows)

    def digest(self, sql):
        """Number of rows of a query, and a hash over all of them in the order of the query."""
        rows, sha = 0, hashlib.sha256()
        for row in self.database.execute(sql):
            rows += 1
            sha.update(repr(row).encode())
        return [rows, sha.hexdigest()]

    def close(self):
        """Closes the database; the client's background task stays until the process ends."""
        self.database.close()
        self.database = None


def main():
    """Answers requests until stdin ends."""
    session = Session()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"ok": getattr(session, request.pop("op"))(**request)}
        except apsw.Error as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
