"""One task ends the process of its manager each time that it is worked on. It is given up by name, and no other."""

from __future__ import annotations

import asyncio
import random
import signal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from chimera.bench import apart
from chimera.bench.apart import House, Plan
from chimera.bench.entrances import arrival
from chimera.bench.load import Lines
from chimera.domain.task import Task, TaskState
from chimera.ports.store import every
from chimera.settings import Settings
from chimera.swarm.forsaking import LEASES_LOST_MAX
from tests import fleet
from tests.faults.guilty_manager import GUILTY

AGENTS, SLOTS, SEED, COUNT = 96, 2, 7, 400
NAME = "manager-guilty"
# One that was killed is missed for as long as its slots are leased to it.
SECONDS_MAX = 240
WHOLE = {"lost": 0, "doubled": 0, "overspent": 0, "standing": 0, "chain": "verified", "did_not_end": []}


@pytest.mark.faults
@pytest.mark.timeout(500)
@pytest.mark.requirement("R-A2", "R-A4", "R-A6", "R-G1")
async def test_what_ends_its_manager_is_given_up_and_none_of_its_neighbours(home: Path) -> None:
    async with apart.house(Settings(home=str(home)), Plan(agents=AGENTS, slots=SLOTS, seed=SEED)) as house:
        accepted = await bring(house)
        lives = await live_and_die(house)
        dead = [one async for one in every(house.reads, Task, states=("failed",))]
        assert [task.input.get("text") for task in dead] == [GUILTY]
        assert dead[0].reason.startswith(f"leased {LEASES_LOST_MAX} times in a row")
        assert dead[0].reason.endswith("[leases_lost]")
        assert lives == LEASES_LOST_MAX + 1, "each life but the last was ended by it"
        await redrive(house, dead[0])
        books = await apart.books_of(house, accepted=accepted)
    require_whole(books, accepted=accepted)


async def bring(house: House) -> int:
    """As many as can be under way at once and more, the guilty one among the first."""
    dice, lines = random.Random(SEED), Lines(seed=SEED)
    for number in range(COUNT):
        came = arrival(house.campaigns[number % AGENTS], dice, lines)
        await house.intake.accept(replace(came, kind="bench", payload={"text": GUILTY}) if number == 20 else came)
    return COUNT


async def live_and_die(house: House) -> int:
    """A manager is started again whenever it has ended, until every task is over; how many lives that took."""
    lives = 0
    async with asyncio.timeout(SECONDS_MAX):
        while True:
            lives += 1
            await house.children._start(NAME, "tests.faults.guilty_manager", str(AGENTS), str(SEED))
            ended = asyncio.create_task(house.children._running[NAME].wait())
            while not ended.done() and not await is_over(house):
                await asyncio.wait({ended}, timeout=0.2)
            if not ended.done():
                ended.cancel()
                return lives
            assert ended.result() == -signal.SIGKILL


async def is_over(house: House) -> bool:
    tasks = await house.reads.count(Task)
    return sum(tasks.values()) >= COUNT and not any(tasks.get(state) for state in ("ready", "leased", "granted"))


async def redrive(house: House, task: Task) -> None:
    """Tried anew it begins anew, and ends its manager again: what was lost before is not held against it."""
    told = await asyncio.to_thread(
        fleet.chimera, house.folder, "task", "redrive", task.id, "--reason", "mended", "--json"
    )
    assert told.code == 0, told
    anew = await house.reads.get(Task, told.object["task"])
    assert (anew.state in (TaskState.READY, TaskState.LEASED), anew.leases_lost) == (True, 0)
    ended = house.children._running.pop(NAME)
    async with asyncio.timeout(30):
        assert await ended.wait() == -signal.SIGKILL
    # Mended: workers that do not end with it.
    await house.children.start("manager-mended", "manager")


def require_whole(books: dict[str, Any], *, accepted: int) -> None:
    assert {name: books[name] for name in WHOLE} == WHOLE, books
    assert books["tasks"] == {"done": accepted, "failed": 1}, books
