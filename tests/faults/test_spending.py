"""Manager with effects, vault and PostgreSQL are killed at random moments while money is spent, again and again."""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests import fleet
from tests.faults import spender

KILLS = int(os.environ.get("FAULTS_SPENDING_KILLS", "100"))
# On a machine with little time fewer kills are seen; how many is said.
SECONDS_MAX = float(os.environ.get("FAULTS_SPENDING_SECONDS", "2400"))
SEED = int(os.environ.get("FAULTS_SEED", "1"))
# The manager and effects run in the process that is started here; the others are its children.
VICTIMS = ("manager and effects", "postgres", "vault")
END_SECONDS_MAX = 280.0
PAID_SECONDS_MAX = 240.0


class Spending:
    """The spending process, started again whenever it is not there: by one that has loaded everything and waits."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._log = home.with_name("spender.err")
        self.process = self._started("spend")
        self._reserve = self._started("spend")
        _begin(self.process)

    def _started(self, mode: str) -> subprocess.Popen[str]:
        with self._log.open("a") as log:
            command = [sys.executable, "-m", "tests.faults.spender", str(self._home), mode]
            return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                                    env=fleet.environment(self._home))  # fmt: skip

    def kill(self) -> None:
        """As if the power failed for manager and effects."""
        _end(self.process)

    def again(self) -> None:
        """It goes on where it was."""
        if self.process.poll() is not None:
            _end(self.process)
            self.process, self._reserve = self._reserve, self._started("spend")
            _begin(self.process)

    def close(self) -> None:
        """Nothing of it is left but what it has said."""
        sys.stderr.write(f"it stands at {self.process.poll()}, and has said:\n{self._log.read_text()[-6_000:]}\n")
        _end(self.process)
        _end(self._reserve)

    def ended(self) -> dict[str, Any]:
        """Everything comes to its end; what the books say then."""
        process = self._started("end")
        out, _ = process.communicate(timeout=END_SECONDS_MAX)
        assert process.returncode == 0, self._log.read_text()[-3_000:]
        return json.loads(out)


def _begin(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None, "the pipe was asked for"
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write("go\n")
        process.stdin.flush()


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None, "the pipe was asked for"
        with contextlib.suppress(BrokenPipeError):
            pipe.close()


def until_paid(spending: Spending, home: Path, before: int) -> None:
    """Until somebody was paid since the last blow: the next one falls in the middle of spending."""

    def is_paid() -> bool:
        # A start among the ruins of the last may fail, and says so; whoever watches the fleet starts it again.
        spending.again()
        return paid(home) > before

    fleet.until(is_paid, seconds_max=PAID_SECONDS_MAX, what="somebody is paid")


def paid(home: Path) -> int:
    return len(spender.lines(home.with_name(spender.COUNTER)))


def strike(spending: Spending, home: Path, victim: str) -> None:
    if victim == VICTIMS[0]:
        spending.kill()
        return
    # What is being started again just now cannot be killed: then the next round does it.
    if victim in fleet.processes_of(home):
        fleet.kill(home, victim)


@pytest.mark.faults
@pytest.mark.timeout(3_600)
@pytest.mark.requirement("R-E2", "R-E7", "R-N1", "R-A4")
def test_killed_while_spending_and_every_cent_is_where_it_belongs(home: Path) -> None:
    dice = random.Random(SEED)
    spending, seen, ends = Spending(home), 0, time.monotonic() + SECONDS_MAX
    try:
        for number in range(KILLS):
            if time.monotonic() > ends:
                break
            until_paid(spending, home, paid(home))
            time.sleep(dice.uniform(0.0, 1.5))
            strike(spending, home, VICTIMS[number % len(VICTIMS)])
            spending.again()
            seen = number + 1
        time.sleep(5)
        spending.kill()
        books = spending.ended()
    finally:
        spending.close()
    sys.stderr.write(f"{seen} kills were seen\n")
    wrong = ("doubled", "lost", "unbooked", "ungranted", "overspent", "holds_outlived", "holds_open")
    assert {name: books[name] for name in wrong} == dict.fromkeys(wrong, 0), (SEED, books)
    assert (books["ledger"], books["history"]) == ([], True), (SEED, books)
    assert books["paid"] > seen > 0, (SEED, books)
    assert seen == KILLS or time.monotonic() > ends, seen
    assert spender.lines(home.with_name(spender.COUNTER)).total() == books["paid"]
