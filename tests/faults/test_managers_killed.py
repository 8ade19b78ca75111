"""Manager processes are killed again and again at random moments while work comes in: nothing is lost or doubled.

The house, the callers and the books are those of `chimera bench recover`; here nobody measures how long it took.
"""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path
from typing import Any

import pytest

from chimera.bench import apart
from chimera.bench.apart import House, Plan
from chimera.bench.recover import MANAGERS, Callers, Trial
from chimera.settings import Settings

KILLS = int(os.environ.get("FAULTS_MANAGER_KILLS", "15"))
SEED = int(os.environ.get("FAULTS_SEED", "1"))
SLOTS, AGENTS = 4, 16
WHOLE = {"lost": 0, "doubled": 0, "overspent": 0, "standing": 0, "chain": "verified", "did_not_end": []}


@pytest.mark.faults
@pytest.mark.timeout(400)
@pytest.mark.requirement("R-A2", "R-A4", "R-A6", "R-G1")
async def test_managers_killed_again_and_again_lose_nothing_and_double_nothing(home: Path) -> None:
    plan = Plan(agents=AGENTS, managers=MANAGERS, slots=SLOTS, seed=SEED)
    trial = Trial(rounds=KILLS, agents=AGENTS, per_second=40.0, slots=SLOTS, seed=SEED)
    async with apart.house(Settings(home=str(home)), plan) as house:
        callers = Callers(house, trial)
        calling = asyncio.create_task(callers.call())
        try:
            before = await epochs(house)
            await kill_and_start_again(house, calling)
            taken_over = await epochs(house) - before
        finally:
            calling.cancel()
            await asyncio.gather(calling, return_exceptions=True)
        books = await apart.books_of(house, accepted=callers.accepted)
    require_whole(books, accepted=callers.accepted)
    # Each of the killed had two of the four slots, or all; somebody else opened their writers.
    assert taken_over >= KILLS, "nobody took over what the killed had"


async def kill_and_start_again(house: House, calling: asyncio.Task[None]) -> None:
    """Now one and now the other, at a moment that nobody chose; work comes in all the while."""
    dice = random.Random(SEED)
    for _ in range(KILLS):
        broken, _ = await asyncio.wait({calling}, timeout=dice.uniform(0.3, 2.0))
        assert not broken, "nobody calls any more"
        name = dice.choice(MANAGERS)
        await house.children.kill(name)
        await house.children.start(name, "manager")


async def epochs(house: House) -> int:
    """How often the writers of slots were opened."""
    return sum(head.epoch for head in await house.reads.heads() if head.writer.startswith("manager-"))


def require_whole(books: dict[str, Any], *, accepted: int) -> None:
    """Everything that was accepted is done, once, within its budget, and every link of the chain is there."""
    assert {name: books[name] for name in WHOLE} == WHOLE, (SEED, books)
    assert accepted >= 10 * KILLS, "there was no load to speak of"
    assert books["tasks"].get("done", 0) >= accepted, (SEED, books)
