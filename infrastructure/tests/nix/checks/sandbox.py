"""The units are good systemd units: systemd knows every key in them, and every unit that runs for long is as walled in
as `systemd-analyze security` measures it."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from . import common

# In tenths: 1.5 of 10.
EXPOSURE_MAX = 15
# A program of the store is not on this machine.
EXPECTED = re.compile(r"Command /nix/store/\S+ is not executable: No such file or directory$")


def check(_options):
    if not shutil.which("systemd-analyze"):
        return "skipped, because systemd-analyze is not installed; install it (Debian: apt-get install systemd)"
    problems, exposures = [], []
    for host in common.host_names():
        with tempfile.TemporaryDirectory() as folder:
            units = common.report(host)["units"]
            for name, text in units.items():
                (Path(folder) / name).write_text(text)
            ours = [name for name in units if name.startswith("catgraft")]
            problems += [f"{host}: {line}" for name in ours for line in unknown(folder, name)]
            for name in ours:
                if name.endswith(".service") and "\nType=oneshot\n" not in units[name]:
                    code, last = exposure(folder, name)
                    exposures.append(last)
                    if code:
                        problems.append(f"{host}: {name}: {last}, above {EXPOSURE_MAX / 10}")
    common.fail_on(problems)
    return f"{len(exposures)} units, each at most {EXPOSURE_MAX / 10}: " + ", ".join(sorted(set(exposures)))


def unknown(folder, name):
    """What systemd does not understand in a unit."""
    command = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", f"./{name}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    return [line for line in done.stderr.splitlines() if not EXPECTED.search(line)]


def exposure(folder, name):
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE_MAX}", f"./{name}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    return done.returncode, found[1] if found else done.stderr.strip()
