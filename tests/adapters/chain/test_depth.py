"""Importing web3 takes nothing from a process that reads what strangers sent."""

from __future__ import annotations

import subprocess
import sys

import pytest

SHALLOW = """
import sys
import {module}
assert "py_ecc" in sys.modules, "web3 no longer brings py_ecc: this guard can go"
from chimera.adapters.documents import yaml
from chimera.domain.faults import Faults
try:
    yaml.parse(b"[" * 90_000, file="hostile.yaml")
except Faults:
    pass
import json
try:
    json.loads("[" * 90_000)
except RecursionError:
    print("shallow", sys.getrecursionlimit())
"""


@pytest.mark.attack
@pytest.mark.parametrize("module", ["chimera.adapters.chain.node", "chimera.testing.chain.facilitator"])
def test_hostile_nesting_is_an_error_and_not_the_end_of_the_process(module: str) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", SHALLOW.format(module=module)], capture_output=True, text=True, check=False, timeout=50
    )
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "shallow 1000\n", "")


def test_tests_run_at_the_depth_of_production() -> None:
    assert sys.getrecursionlimit() == 1_000
