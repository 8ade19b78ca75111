"""The whole fleet by seed: a few worlds in every test run, and those seeds that have found a fault."""

from __future__ import annotations

import os
import subprocess
import sys

import msgspec
import pytest

from chimera.testing.simulation.run import Outcome, run_seed

SEEDS = 60
# Each of these once broke an invariant; what it found is said beside it.
FOUND = {
    0: "what planning cost was told and never charged",
    2500: "a process that woke late broke over a dependent that was open already",
    1619: "a process that woke after minutes sent what had been proved absent and granted anew",
    113: "a manager that could not read its roster at once was gone for good",
    16: "what waited for an act that a person confirmed waited for ever",
}


def told(outcome: Outcome) -> str:
    return "\n".join([f"seed {outcome.seed}, step {outcome.step}: {outcome.violation}", *outcome.trace])


@pytest.mark.requirement("R-A4", "R-A6", "R-N1")
@pytest.mark.parametrize("seed", sorted({*range(SEEDS), *FOUND}))
def test_a_world_holds(seed: int) -> None:
    outcome = run_seed(seed)
    assert not outcome.violation, told(outcome)


@pytest.mark.requirement("R-N1")
@pytest.mark.slow
def test_a_seed_is_one_run() -> None:
    command = [sys.executable, "-m", "chimera.testing.simulation", "--seeds", "6", "--first", "20", "--json"]
    hashes = [{**os.environ, "PYTHONHASHSEED": value} for value in ("1", "2")]
    answers = [subprocess.run(command, capture_output=True, check=False, env=one).stdout for one in hashes]
    first, second = (msgspec.json.decode(answer) for answer in answers)
    assert first["digests"] == second["digests"]
    assert not first["failed"]
