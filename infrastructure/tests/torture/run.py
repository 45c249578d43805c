"""Tortures real processes, and checks that nothing acknowledged is lost and nothing wrong is read.

Rounds of mishaps (`mishaps.py`) happen to a house of services (`house.py`), while a native client (`native.py`) and a bank
on the real client (`bank.py`) work with them. After each round everything is mended, and a commit has to be acknowledged.
In the end everything that was acknowledged is read back. `infrastructure/scripts/torture` starts this.
"""

import argparse
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

# Processes, ports and replicas are those of the end-to-end tests.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

import disks  # noqa: E402
import mishaps  # noqa: E402
from bank import Bank  # noqa: E402
from house import House  # noqa: E402
from native import Native  # noqa: E402
from report import table  # noqa: E402

_LONGEST_MISHAP = 2.5
_LONGEST_PAUSE = 0.4
_PROGRESS_EVERY = 10
# A commit is acknowledged within this time once everything is mended.
_RECOVERY_MAX = 30
_DESCRIPTION = """Kills, stops and freezes metastores, pagestores, Postgres and the object store at random under load,
and exits with 0 only if nothing acknowledged was lost and nothing wrong was read."""


def main():
    """Runs what the arguments say, and tells how it went."""
    options = _options()
    disks.enter_namespace()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("asked to end"))
    folder = Path(tempfile.mkdtemp(prefix="catgraft-torture."))
    run = Run(folder, options)
    failure = None
    try:
        run.torture()
    except BaseException as error:  # whatever it is, everything has to be ended and the seed to be told
        failure = error
    finally:
        run.end(keep=failure is not None)
    result = run.result(failure)
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    print(table(result))
    if failure is None:
        shutil.rmtree(folder)
        return 0
    print(f"torture: FAILED: {result['failure']:.4000}\ntorture: logs are in {folder}\ntorture: again: {result['again']}", file=sys.stderr)
    return 1


def _options():
    parser = argparse.ArgumentParser(prog="torture", description=_DESCRIPTION, allow_abbrev=False)
    parser.add_argument("--seconds", type=_positive, default=60, metavar="N", help="how long it goes on [60]")
    parser.add_argument("--seed", type=int, default=None, metavar="N", help="what mishaps are drawn from [any]")
    parser.add_argument("--catalog", choices=["postgres", "embedded"], default="postgres", help="[postgres]")
    parser.add_argument("--store", choices=["s3", "fs"], default="s3", help="where objects are [s3]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result there as well")
    options = parser.parse_args()
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1_000_000)
    return options


def _positive(text):
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: it must be a number of seconds, 1 or more")
    return int(text)


class Run:
    """One run, from the start of its processes to their end."""

    def __init__(self, folder, options):
        self.options, self.rng = options, random.Random(options.seed)
        self.seconds, self.rounds, self.mishaps, self.recovery_max = 0.0, 0, Counter(), 0.0
        self.store_faults, self.told, self.transfers, self.compared, self.no_room = {}, {}, {}, {}, 0
        self.started = time.monotonic()
        self.house = House(folder, options.catalog, options.store, options.seed)
        self.native = self.bank = None
        self.folder = folder

    def torture(self):
        """Everything, in its order."""
        self.house.start()
        self.native = Native(self.house, self.options.seed).start()
        self.bank = Bank(self.folder, self.house, self.options.seed)
        self.bank.start()
        begun, told = time.monotonic(), 0
        while (elapsed := time.monotonic() - begun) < self.options.seconds:
            if elapsed >= told + _PROGRESS_EVERY:
                told = elapsed
                self._progress(elapsed)
            self._round()
        self.seconds = time.monotonic() - begun
        print(f"{self.seconds:5.0f} s: reading everything back", flush=True)
        if self.house.store:
            self.store_faults = self.house.store.faults()
        self.transfers = self.bank.finish()
        self.told = self.native.finish(seconds=120 + 2 * self.options.seconds)
        self.house.check()
        self.house.stop()
        self.compared = self.house.compare()
        acknowledged = self.told["acknowledged"] + self.transfers["pushes"]
        assert self.compared["commits"] >= acknowledged, f"{acknowledged} commits were acknowledged: {self.compared}"
        self.no_room = self.house.writes_without_room()

    def _progress(self, elapsed):
        acknowledged, transfers = self.native.told["acknowledged"], self.bank.transfers
        happened = f"{sum(self.mishaps.values())} mishaps in {self.rounds} rounds"
        print(f"{elapsed:5.0f} s: {acknowledged} commits, {transfers} transfers, {happened}", flush=True)

    def _round(self):
        """A few mishaps at the same time; then everything is mended, and has to work."""
        # What is stopped takes no commands: it is the last to be stopped, and the first to go on.
        drawn = sorted(mishaps.draw(self.house, self.rng), key=lambda mishap: mishap.order, reverse=True)
        begun = []
        try:
            for mishap in drawn:
                mishap.begin()
                begun.append(mishap)
                self.mishaps[str(mishap)] += 1
                self._wait(self.rng.uniform(0, _LONGEST_PAUSE))
            self._wait(self.rng.uniform(0, 1) ** 2 * _LONGEST_MISHAP)
        finally:
            for mishap in reversed(begun):
                mishap.mend()
        mended = time.monotonic()
        try:
            self.native.wait_acknowledged(_RECOVERY_MAX)
        except AssertionError as error:
            raise AssertionError(f"after {', '.join(map(str, drawn))}: {error}") from None
        self.recovery_max = max(self.recovery_max, time.monotonic() - mended)
        self.house.check()
        self.bank.check()
        self.rounds += 1
        self._wait(self.rng.uniform(0, _LONGEST_PAUSE))

    def _wait(self, seconds):
        """How long a mishap lasts is a part of it."""
        time.sleep(seconds)

    def end(self, keep):
        """Ends whatever still runs."""
        for party in filter(None, [self.bank, self.native, self.house]):
            party.kill()
        self.house.leave(keep)

    def result(self, failure):
        """What is told of the run."""
        options = self.options
        arguments = f"--seconds {options.seconds} --seed {options.seed} --catalog {options.catalog} --store {options.store}"
        return {
            "failure": None if failure is None else str(failure) or type(failure).__name__,
            "again": f"infrastructure/scripts/torture {arguments}",
            "seed": options.seed,
            "catalog": options.catalog,
            "store": options.store,
            "seconds": round(self.seconds, 1),
            "seconds_in_all": round(time.monotonic() - self.started, 1),
            "rounds": self.rounds,
            "mishaps": dict(sorted(self.mishaps.items())),
            "left_out": [] if disks.can_mount() else ["full disks"],
            "store_faults": self.store_faults,
            "writes_without_room": self.no_room,
            "recovery_max_seconds": round(self.recovery_max, 2),
            "native": self.told or (self.native.told if self.native else {}),
            "bank": self.transfers,
            "fsck": self.compared,
            "lost": 0 if failure is None else None,
            "wrong_bytes": 0 if failure is None else None,
        }


if __name__ == "__main__":
    sys.exit(main())
