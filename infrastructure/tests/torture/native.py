"""The native client of a run: `torture-client`, a process that pushes, races and reads until its input is closed."""

import json
import subprocess
import threading

from deployments import BINARIES
from processes import clean_environment, wait_until


class Native:
    """Starts the client and hears what it tells; see `packages/catgraft-testkit/src/bin/torture-client`."""

    def __init__(self, house, seed):
        self.command = [BINARIES / "torture-client", "--seed", seed]
        for kind, services in (("metastore", house.metastores), ("pagestore", house.pagestores)):
            for service in services:
                self.command += [f"--{kind}", service.url]
        if house.store is not None:
            self.command.append("--expect-refusals")
        self.lines, self.told = 0, {"state": "pushing", "acknowledged": 0}

    def start(self):
        """Starts it."""
        self.child = subprocess.Popen(
            [str(part) for part in self.command],
            env=clean_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.ears = threading.Thread(target=self._hear, daemon=True)
        self.ears.start()
        return self

    def _hear(self):
        for line in self.child.stdout:
            self.told = json.loads(line)
            self.lines += 1

    def check(self):
        """Fails where it has ended, as it does at the first promise that is broken."""
        if self.child.poll() is not None:
            self.ears.join()
            reason = self.told.get("violation", f"no reason given, exit code {self.child.returncode}")
            raise AssertionError(f"the native client ended: {reason}")

    def wait_acknowledged(self, seconds):
        """Waits until one more commit than now is acknowledged."""
        # What it told last may be older than now.
        line = self.lines
        self._wait(lambda: self.lines > line, seconds)
        before = self.told["acknowledged"]
        self._wait(lambda: self.told["acknowledged"] > before, seconds)

    def _wait(self, condition, seconds):
        def met():
            self.check()
            return condition()

        wait_until(met, "any commit to be acknowledged, while nothing is wrong with any service", seconds, every=0.01)

    def finish(self, seconds):
        """Lets it settle and read everything back; returns what it told at the end."""
        self.child.stdin.close()
        try:
            status = self.child.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the native client did not end within {seconds} s; it told {self.told}") from None
        self.ears.join()
        violation = self.told.get("violation", f"exit code {status}, and it told {self.told}")
        assert status == 0 and self.told["state"] == "done", f"the native client found: {violation}"
        return self.told

    def kill(self):
        """Ends it without a word."""
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()
