"""Processes killed at random moments, again and again, on one home: the next start goes on, and the books agree."""

from __future__ import annotations

import os
import random
import subprocess
import time
from pathlib import Path

import pytest

from tests import fleet

KILLS = int(os.environ.get("FAULTS_KILLS", "50"))
SEED = int(os.environ.get("FAULTS_SEED", "1"))
AGENTS_FIRST = 8
# Every few rounds there are more agents, so that something is always under way when the kill comes.
ROUNDS_PER_AGENT = 5


def demo_of(round_number: int) -> tuple[str, ...]:
    return ("demo", "--agents", str(AGENTS_FIRST + round_number // ROUNDS_PER_AGENT), "--seconds", "6", "--json")


@pytest.mark.faults
@pytest.mark.timeout(900)
@pytest.mark.requirement("R-A4", "R-G1", "R-N1", "R-E2")
def test_killed_fifty_times_and_nothing_is_lost_or_doubled(home: Path) -> None:
    dice = random.Random(SEED)
    cut_off = 0
    for number in range(KILLS):
        seconds = dice.uniform(0.5, 8.0)
        started = fleet.Running(home, *demo_of(number), "--home", str(home))
        try:
            ended = started.ended(seconds)
            assert ended.code == 0, (number, ended)
        except subprocess.TimeoutExpired:
            started.kill()
            cut_off += 1
    assert cut_off > KILLS // 2, "most rounds are to be cut off in their middle"
    last = fleet.chimera(home, *demo_of(KILLS), "--home", str(home))
    assert last.code == 0, (SEED, last)
    fleet.require_sound(last.object)
    assert fleet.processes_of(home) == {}


@pytest.mark.faults
@pytest.mark.timeout(300)
@pytest.mark.requirement("R-A4", "R-L2")
def test_told_to_stop_at_random_moments_it_ends_at_once_and_in_order(home: Path) -> None:
    dice = random.Random(SEED)
    for number in range(8):
        arguments = ("up", "--agents", "5") if number % 2 else ("demo", "--agents", "5", "--home", str(home))
        with fleet.running(home, *arguments) as started:
            time.sleep(dice.uniform(0.2, 9.0))
            answer, seconds = started.stop(seconds_max=30)
            # Before Python has come to our first line, the signal ends it as it ends any program.
            assert answer.code in (0 if number % 2 else 130, -15), (number, answer)
            assert seconds < 5, (number, answer)
            assert fleet.processes_of(home) == {}, number
