"""What the checks share: where things are, how a host is evaluated (once), and how a check fails."""

import functools
import json
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
ROOT = HERE.parent.parent.parent
NIXH = HERE / "harness/nixh"


class Failure(Exception):
    """What is wrong: one line a problem."""


def fail_on(problems):
    """Raises if there are problems."""
    if problems:
        raise Failure("\n".join(f"  {problem}" for problem in problems))


def nixh(*arguments):
    """(exit code, stdout, stderr) of the harness, with store paths whose hashes are zero."""
    done = subprocess.run(
        [NIXH, *map(str, arguments)], env=os.environ | {"NIXH_HASH": "zero"}, capture_output=True, text=True
    )
    return done.returncode, done.stdout, done.stderr


def value(*arguments):
    """What the harness answers, as JSON."""
    code, out, err = nixh(*arguments)
    if code:
        raise Failure(f"  nixh {' '.join(map(str, arguments))}: {last_error(err)}")
    return json.loads(out)


def last_error(text):
    """What nix says is wrong, without the way there."""
    found = re.findall(r"error: .*", text, re.DOTALL)
    return (found[-1] if found else text).strip().replace("\n", "\n    ")


def path(file):
    """A path as a Nix expression, whatever is in its name."""
    return f"(/. + {json.dumps(str(file))})"


def nix_value(expression):
    """The value of a Nix expression that needs nothing of the harness."""
    command = ["nix-instantiate", "--store", "dummy://", "--eval", "--strict", "--json", "--readonly-mode"]
    done = subprocess.run([*command, "-E", expression], capture_output=True, text=True)
    if done.returncode:
        raise Failure(f"  {last_error(done.stderr)}")
    return json.loads(done.stdout)


@functools.cache
def host_names():
    """The hosts of the flake."""
    code, out, err = nixh("hosts", ROOT)
    if code:
        raise Failure(f"  {last_error(err)}")
    return out.split()


@functools.cache
def report(host):
    """Everything about a host."""
    return value("report", ROOT, host)


def each(function, items):
    """The results of a function for all items, in order; two at a time."""
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        return list(pool.map(function, items))
