"""Manager with effects, vault and PostgreSQL are killed at random moments while money is spent, again and again."""

from __future__ import annotations

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
SEED = int(os.environ.get("FAULTS_SEED", "1"))
# The manager and effects run in the process that is started here; the others are its children.
VICTIMS = ("manager and effects", "postgres", "vault")
END_SECONDS_MAX = 280.0
PAID_SECONDS_MAX = 90.0


class Spending:
    """The spending process, started again whenever it is not there."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._log = home.with_name("spender.err")
        self.process = self._started("spend")

    def _started(self, mode: str) -> subprocess.Popen[str]:
        with self._log.open("a") as log:
            command = [sys.executable, "-m", "tests.faults.spender", str(self._home), mode]
            return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True,
                                    env=fleet.environment(self._home))  # fmt: skip

    def kill(self) -> None:
        """As if the power failed for manager and effects."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None, "the pipe was asked for"
        self.process.stdout.close()

    def again(self) -> None:
        """It goes on where it was."""
        if self.process.poll() is not None:
            assert self.process.stdout is not None, "the pipe was asked for"
            self.process.stdout.close()
            self.process = self._started("spend")

    def ended(self) -> dict[str, Any]:
        """Everything comes to its end; what the books say then."""
        process = self._started("end")
        out, _ = process.communicate(timeout=END_SECONDS_MAX)
        assert process.returncode == 0, self._log.read_text()[-3_000:]
        return json.loads(out)


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
    spending = Spending(home)
    try:
        for number in range(KILLS):
            until_paid(spending, home, paid(home))
            time.sleep(dice.uniform(0.0, 1.5))
            strike(spending, home, VICTIMS[number % len(VICTIMS)])
            spending.again()
        time.sleep(5)
        spending.kill()
        books = spending.ended()
    finally:
        if spending.process.poll() is None:
            spending.kill()
    wrong = ("doubled", "lost", "unbooked", "ungranted", "overspent", "holds_outlived", "holds_open")
    assert {name: books[name] for name in wrong} == dict.fromkeys(wrong, 0), (SEED, books)
    assert (books["ledger"], books["history"]) == ([], True), (SEED, books)
    assert books["paid"] > KILLS, (SEED, books)
    assert spender.lines(home.with_name(spender.COUNTER)).total() == books["paid"]
