"""The container: boots, runs commands, ends. Everything that it is told to do stands in a transcript that is printed."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from processes import wait_until

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
BOOT_SECONDS = 120


class Machine:
    """A booted systemd."""

    def __init__(self, tree, log):
        self.tree, self.log = tree, log
        self.outputs = []
        command = ["systemd-nspawn", "--quiet", "--directory", tree.root, "--boot", "--register=no", "--keep-unit"]
        command += ["--link-journal=no", "--resolv-conf=off", "--timezone=off", "--console=pipe", "--kill-signal=SIGRTMIN+3"]
        environment = os.environ | {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
        with open(log, "wb") as output:
            self.child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment
            )
        self.init = wait_until(self._find_init, lambda: f"the container to begin:\n{self._said()}", BOOT_SECONDS)
        wait_until(self._is_booted, lambda: f"the container to boot:\n{self._said()}", BOOT_SECONDS, every=0.2)

    def _said(self):
        return self.log.read_text(errors="replace")[-4000:]

    def _find_init(self):
        """The process outside that is process 1 inside."""
        assert self.child.poll() is None, f"systemd-nspawn ended with {self.child.returncode}:\n{self._said()}"
        wanted = [self.child.pid]
        while wanted:
            pid = wanted.pop()
            try:
                status = Path(f"/proc/{pid}/status").read_text()
                if [line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:")][0][1:] == ["1"]:
                    return pid
                wanted += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
            except FileNotFoundError:
                continue
        return None

    def _is_booted(self):
        assert self.child.poll() is None, f"systemd-nspawn ended with {self.child.returncode}:\n{self._said()}"
        state = self.run("systemctl", "is-system-running", check=False, quiet=True).stdout.strip()
        return state in ("running", "degraded")

    def _command(self, arguments):
        enter = ["nsenter", "--target", str(self.init), "--all", "--root", "--wd"]
        return [*enter, "--", "env", "-i", f"PATH={_PATH}", "LANG=C.UTF-8", "HOME=/root", *map(str, arguments)]

    def run(self, *arguments, check=True, quiet=False, stdin=None, seconds=180):
        """Runs a command as root, and returns its end. `check` fails unless it ends well."""
        started = time.monotonic()
        done = subprocess.run(
            self._command(arguments), input=stdin or "", capture_output=True, text=True, timeout=seconds, errors="replace"
        )
        self.outputs.append(done.stdout + done.stderr)
        if not quiet:
            print(f"# {' '.join(map(str, arguments))}   [{done.returncode}, {time.monotonic() - started:.1f} s]")
            print((done.stdout + done.stderr).rstrip())
        assert not check or done.returncode == 0, f"{arguments} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done

    def begin(self, *arguments):
        """Runs a command beside the test; the caller waits for it."""
        print(f"# {' '.join(map(str, arguments))} &")
        return subprocess.Popen(
            self._command(arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def property(self, unit, name):
        """A property of a unit, as systemd has it."""
        return self.run("systemctl", "show", "--property", name, "--value", unit, quiet=True).stdout.strip()

    def write(self, path, text):
        """Writes a file of the container, through its own eyes: some of its folders are not in the tree."""
        self.run("mkdir", "-p", Path(path).parent, quiet=True)
        self.run("tee", path, stdin=text, quiet=True)

    def stop(self):
        """Shuts it down, and ends it where that takes too long."""
        self.child.terminate()
        try:
            self.child.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.kill(self.init, signal.SIGKILL)
            self.child.wait(timeout=30)
        _remove_control_groups()


def _remove_control_groups():
    """systemd-nspawn leaves the groups of what it ran, empty, below that of the test."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controller, path = line.split(":", 2)
        for hierarchy in {"name=systemd": ("systemd",), "": ("unified", ".")}.get(controller, ()):
            for name in ("payload", "supervisor"):
                for folder, _, _ in os.walk(f"/sys/fs/cgroup/{hierarchy}{path}/{name}", topdown=False):
                    with suppress(OSError):  # one that somebody else uses
                        os.rmdir(folder)
