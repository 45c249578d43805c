"""What the tests in virtual machines do with a replica, as one command: write rows and push them, or pull and read.

    replica write FOLDER VOLUME ROWS    adds rows, a transaction each, and waits until all are pushed
    replica churn FOLDER VOLUME FILE    the same without a number, until the file is there
    replica read FOLDER VOLUME LSN      waits for a remote LSN and reads

Prints one JSON object: volume, remote LSN, number of rows, and a hash of them all. Addresses and token come from
METASTORE, PAGESTORE and TOKEN_FILE. Every wait has a deadline, and a failure says what the client says of itself.
"""

import itertools
import json
import os
import sys
from pathlib import Path

from client import Replica

PUSH_SECONDS = 120


def report(replica, volume, lsn):
    rows, digest = replica.digest("SELECT id, text FROM rows ORDER BY id")
    print(json.dumps({"volume": volume, "lsn": lsn, "rows": rows, "digest": digest}))


def write(replica, volume, rows):
    add_rows(replica, volume, range(int(rows)))


def churn(replica, volume, file):
    add_rows(replica, volume, itertools.takewhile(lambda _: not Path(file).exists(), itertools.count()))


def add_rows(replica, volume, numbers):
    volume = replica.open(volume)
    replica.script("CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, text TEXT)")
    for number in numbers:
        replica.script(f"INSERT INTO rows (text) VALUES ('row {number}')")
    report(replica, volume, replica.wait_pushed(PUSH_SECONDS))


def read(replica, volume, lsn):
    replica.open(volume)
    replica.wait_pulled(int(lsn), PUSH_SECONDS)
    report(replica, volume, replica.snapshot()[2])


def main():
    verb, folder, *rest = sys.argv[1:]
    token = Path(os.environ["TOKEN_FILE"]).read_text().strip()
    replica = Replica(Path(folder), os.environ["METASTORE"], os.environ["PAGESTORE"], token)
    try:
        {"write": write, "churn": churn, "read": read}[verb](replica, *rest)
    finally:
        replica.stop()


main()
