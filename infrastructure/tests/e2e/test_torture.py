"""A short run of `infrastructure/scripts/torture`: the long ones are a command of their own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

_RUN = Path(__file__).parents[1] / "torture" / "run.py"


@pytest.mark.parametrize("catalog, store, seed", [("postgres", "s3", 1), ("embedded", "fs", 2)])
def test_nothing_acknowledged_is_lost_in_a_short_torture(catalog, store, seed, tmp_path):
    told = tmp_path / "result.json"
    arguments = ["--seconds", "10", "--seed", seed, "--catalog", catalog, "--store", store, "--json", told]
    # It has deadlines of its own for everything that it waits for.
    run = subprocess.run([sys.executable, str(_RUN), *map(str, arguments)], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    result = json.loads(told.read_text())
    assert (result["lost"], result["wrong_bytes"]) == (0, 0)
    assert result["native"]["acknowledged"] == result["native"]["commits_read_back"] > 0
    assert result["bank"]["transfers"] > 0 and result["mishaps"]
    assert result["fsck"]["damaged"] == 0 and result["fsck"]["commits"] >= result["native"]["acknowledged"]
