"""`chimera bench swarm --managers`: the same load with every role as a process of its own, over Streams.

Managers, a worker, the gateway, effects and the vault; the office is the measuring process.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from typing import Any

from chimera.bench import apart, processor
from chimera.bench.apart import OVER, House, Plan, books_of
from chimera.bench.entrances import arrival
from chimera.bench.feeding import ARRIVING_AT_ONCE_MAX, Load
from chimera.bench.load import Lines
from chimera.bench.spread import conditions
from chimera.domain.task import Task
from chimera.settings import Settings

WARM_UP_SECONDS, LOOK_SECONDS = 5.0, 0.25


async def run(settings: Settings, load: Load, *, managers: int) -> dict[str, Any]:
    """One saturated phase, and the books."""
    names = tuple(f"manager-{number}" for number in range(managers))
    plan = Plan(agents=load.agents, managers=names, slots=managers, seed=load.seed)
    async with apart.house(settings, plan) as house:
        feeding = _Feeding(house, load)
        await feeding.saturate(until=time.monotonic() + WARM_UP_SECONDS)
        before, since, worked = await feeding.ended(), time.monotonic(), processor.seconds(house.children.pids)
        await feeding.saturate(until=since + load.seconds)
        ended, seconds = await feeding.ended() - before, time.monotonic() - since
        worked = processor.seconds(house.children.pids) - worked
        books = await books_of(house, accepted=feeding.accepted)
        done = books["tasks"].get("done", 0)
        return {"agents": load.agents, "seconds": load.seconds, "managers": managers, "slots": plan.slots,
                **conditions(), "governed_per_second": round(ended / seconds),
                "cpu_us_per_decision": processor.us_each(worked, ended),
                **books,
                "completion": round(done / max(1, feeding.accepted), 4)}  # fmt: skip


class _Feeding:
    """Keeps twice as much under way as there are agents, by what the database says."""

    def __init__(self, house: House, load: Load) -> None:
        self._house = house
        self._backlog = 2 * load.agents
        self._dice, self._lines = random.Random(load.seed), Lines(seed=load.seed)
        self.accepted = 0

    async def ended(self) -> int:
        """How many tasks are over."""
        tasks = Counter(await self._house.reads.count(Task))
        return sum(tasks[state] for state in OVER)

    async def saturate(self, *, until: float) -> None:
        """Look, fill up, and again."""
        while time.monotonic() < until:
            since = time.monotonic()
            missing = self._backlog - (self.accepted - await self.ended())
            while missing > 0 and time.monotonic() < until:
                together = min(missing, ARRIVING_AT_ONCE_MAX)
                await asyncio.gather(*(self._bring() for _ in range(together)))
                missing -= together
            await asyncio.sleep(max(0.0, since + LOOK_SECONDS - time.monotonic()))

    async def _bring(self) -> None:
        campaign = self._dice.choice(self._house.campaigns)
        await self._house.intake.accept(arrival(campaign, self._dice, self._lines))
        self.accepted += 1
