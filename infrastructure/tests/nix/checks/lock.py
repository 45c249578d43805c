"""flake.lock is whole: it names every input that flake.nix has, and nothing else, each with all that pins it; and
`nix` itself has nothing to add to it."""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from . import common

PINS = ["lastModified", "narHash", "owner", "repo", "rev", "type"]


def check(_options):
    lock = json.loads((common.ROOT / "flake.lock").read_text())
    nodes, root = lock["nodes"], lock["root"]
    problems = [
        f"input {name}: lock has no {pin}"
        for name, node in nodes.items()
        for pin in PINS
        if name != root and pin not in node.get("locked", {})
    ]
    reached = set()

    def visit(name):
        if name in reached:
            return
        reached.add(name)
        for given, target in nodes[name].get("inputs", {}).items():
            resolved = follow(nodes, root, target)
            if resolved is None and target != []:
                problems.append(f"input {given} of {name} leads to {target}, which the lock does not have")
            elif resolved:
                visit(resolved)

    visit(root)
    problems += asked_for(nodes, root)
    problems += [f"node {name} belongs to no input" for name in nodes if name not in reached]
    common.fail_on(problems or asked_of_nix())
    return f"{len(nodes) - 1} inputs"


def follow(nodes, root, target):
    """The node that an input leads to: by its name, or by a path of inputs from the root."""
    if isinstance(target, str):
        return target if target in nodes else None
    name = root
    for step in target:
        name = follow(nodes, root, nodes[name].get("inputs", {}).get(step, []))
        if name is None:
            return None
    return name if target else None


def asked_for(nodes, root):
    """Inputs of flake.nix that the lock pins something else for."""
    flake = common.path(common.ROOT / "flake.nix")
    wanted = common.nix_value(f"builtins.mapAttrs (_: i: i.url) (import {flake}).inputs")
    locked = nodes[root]["inputs"]
    problems = [f"input {name} of flake.nix is not in the lock" for name in wanted if name not in locked]
    problems += [f"input {name} of the lock is not in flake.nix" for name in locked if name not in wanted]
    for name in wanted.keys() & locked.keys():
        original = nodes[locked[name]]["original"]
        parts = [original["owner"], original["repo"], original.get("ref", "")]
        url = f"{original['type']}:{'/'.join(parts).rstrip('/')}"
        if url != wanted[name]:
            problems.append(f"input {name} is {wanted[name]} in flake.nix, but the lock is for {url}")
    return problems


def asked_of_nix():
    """What nix says of flake.nix and flake.lock, in a store of its own that goes away again."""
    with tempfile.TemporaryDirectory() as folder:
        flake = Path(folder) / "flake"
        flake.mkdir()
        for name in ("flake.nix", "flake.lock"):
            shutil.copy(common.ROOT / name, flake)
        own = {f"NIX_{kind}_DIR": f"{folder}/nix/{kind.lower()}" for kind in ("STORE", "STATE", "LOG", "CONF")}
        command = ["nix", "--extra-experimental-features", "nix-command flakes", "flake", "metadata"]
        command += ["--offline", "--no-update-lock-file", f"path:{flake}"]
        environment = os.environ | own | {"HOME": folder, "NIX_REMOTE": ""}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        return [common.last_error(done.stderr)] if done.returncode else []
