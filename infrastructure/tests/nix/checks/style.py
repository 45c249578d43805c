"""Nix code is formatted and has no dead parts; the scripts of units pass shellcheck."""

import json
import shutil
import subprocess

from . import common

FOLDERS = ["infrastructure", "secrets"]


def check(_options):
    found = (path for folder in FOLDERS for path in sorted((common.ROOT / folder).rglob("*.nix")))
    files = ["flake.nix"] + [str(path.relative_to(common.ROOT)) for path in found]
    tools = [
        ("nixfmt", "cargo install nixfmt_rs", lambda: formatting(files)),
        ("deadnix", "cargo install deadnix", lambda: dead(files)),
        ("shellcheck", "Debian: apt-get install shellcheck", scripts),
    ]
    said, problems = [], []
    for program, install, look in tools:
        if shutil.which(program):
            problems += look()
            said.append(f"{program} has nothing to say")
        else:
            said.append(f"{program} skipped, because it is not installed ({install})")
    common.fail_on(problems)
    return f"{len(files)} files; " + "; ".join(said)


def formatting(files):
    done = subprocess.run(["nixfmt", "--check", *files], cwd=common.ROOT, capture_output=True, text=True)
    return (done.stdout + done.stderr).splitlines() if done.returncode else []


def dead(files):
    command = ["deadnix", "--output-format", "json", *files]
    done = subprocess.run(command, cwd=common.ROOT, check=True, capture_output=True, text=True)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return [f"{file['file']}:{result['line']}: {result['message']}" for file in found for result in file["results"]]


def scripts():
    """What shellcheck says about the scripts of units."""
    problems = []
    for host in common.host_names():
        for path, text in common.report(host)["files"].items():
            if text.startswith("#!"):
                done = subprocess.run(["shellcheck", "--shell=bash", "-"], input=text, capture_output=True, text=True)
                problems += [f"{host}: {path}: {done.stdout}"] if done.returncode else []
    return problems
