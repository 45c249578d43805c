"""Child processes of a test, ports for them, and the one way to wait: for a condition, with a deadline.

Knows nothing of what the processes are.
"""

import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

# Below the range that the kernel takes ports of outgoing connections from, so that a service finds its port free
# again when it is restarted; every worker of pytest-xdist has its own hundred.
_PORT_BASE = 20_000
_ports_used = 0


def wait_until(condition, what, seconds=30, every=0.02):
    """Asks `condition` until it answers something true, and returns that; fails with `what` at the deadline.

    `what` may be a function, for a message that only the end can tell.
    """
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s for {what() if callable(what) else what}")
        time.sleep(every)


def free_port():
    """A port of 127.0.0.1 that nobody listens on and that this run hands out once."""
    global _ports_used
    worker = int(re.sub(r"\D", "", os.environ.get("PYTEST_XDIST_WORKER", "")) or 99)
    while True:
        port = _PORT_BASE + worker * 100 + _ports_used
        _ports_used += 1
        assert _ports_used <= 100, "a worker has a hundred ports"
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port


class Process:
    """A server in a process of its own, with its output in a file."""

    def __init__(self, name, command, folder, ready_urls, environment=None):
        self.name, self.command, self.folder, self.ready_urls = name, command, folder, ready_urls
        self.environment = {**clean_environment(), **(environment or {})}
        self.log = folder / f"{name}.log"
        self.child = None

    def start(self):
        """Starts it and returns once it says that it is ready."""
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(
                [str(part) for part in self.command],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        wait_until(self._is_ready, lambda: f"{self.name} to be ready; its output:\n{self.output()}")
        return self

    def _is_ready(self):
        if self.child.poll() is not None:
            raise AssertionError(f"{self.name} ended with {self.child.returncode}:\n{self.output()}")
        return all(_answers(url) for url in self.ready_urls)

    def stop(self):
        """Asks it to end, and checks that it does so well and in time."""
        self.terminate()
        self.wait_ended()

    def terminate(self):
        """Asks it to end."""
        self.child.send_signal(signal.SIGTERM)

    def wait_ended(self):
        """Checks that it ends well and in time after it was asked to."""
        try:
            status = self.child.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            raise AssertionError(f"{self.name} still runs 30 s after SIGTERM:\n{self.output()}") from None
        assert status == 0, f"{self.name} ended with {status} after SIGTERM:\n{self.output()}"

    def kill(self):
        """Ends it without a chance to tidy up."""
        self.child.kill()
        self.child.wait()

    def output(self):
        """What it printed so far, colours left out."""
        return re.sub(r"\x1b\[[0-9;]*m", "", self.log.read_text(errors="replace"))

    def complaints(self):
        """The lines of its log that ask for a human."""
        return [line for line in self.output().splitlines() if re.search(r"\b(WARN|ERROR)\b|panicked", line)]


def _answers(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def clean_environment():
    """This process's environment without what would configure a service or a client."""
    ours = ("CATGRAFT_", "METASTORE_", "PAGESTORE_", "GRAFT_", "AWS_", "JOURNAL_STREAM", "NOTIFY_SOCKET", "WATCHDOG_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}
