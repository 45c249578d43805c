"""Every rendered configuration is taken by the real daemon: the command that checks it when a system is built is run
here, with the daemons that were built for the tests."""

import os
import subprocess
import tempfile
from pathlib import Path

from . import common


def check(options):
    for host in common.host_names():
        common.fail_on([f"{host}: {reason}" for reason in refused(common.report(host), options.programs)])
    return f"the daemons take the configurations of {', '.join(common.host_names())}"


def refused(report, programs):
    """What the daemons say against the configurations of a host."""
    return [reason for name, config in report["configs"].items() if (reason := refusal(programs / name, config))]


def refusal(program, config):
    if not program.is_file():
        build = "infrastructure/scripts/test --only build"
        raise common.Failure(f"  {program} is not there: run {build}, or name its folder with --programs")
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw.toml"
        raw.write_text(config["text"])
        command = config["buildCommand"].replace(config["program"], str(program)).replace(config["raw"], str(raw))
        # As in a build, where nothing else says what the settings are.
        ours = ("METASTORE_", "PAGESTORE_")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=folder,
            env=environment | {"out": f"{folder}/out"},
            capture_output=True,
            text=True,
        )
        if done.returncode == 0 and (Path(folder) / "out").read_text() != config["text"]:
            return "the checked configuration is not the one that was rendered"
        return done.stderr.strip() if done.returncode else None
