"""`chimera bench swarm --processes`: the same load with managers and a worker as processes of their own, over Streams.

The vault is one too, as always. Office, gateway, effects and the network are the measuring process.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from typing import Any

from chimera.bench import apart
from chimera.bench.apart import OVER, House, Plan, books_of
from chimera.bench.feeding import ARRIVING_AT_ONCE_MAX, Load, arrival
from chimera.bench.load import Lines
from chimera.bench.spread import conditions
from chimera.domain.task import Task
from chimera.settings import Settings

WARM_UP_SECONDS, LOOK_SECONDS = 5.0, 0.25


async def run(settings: Settings, load: Load, *, managers: int) -> dict[str, Any]:
    """One saturated phase, and the books."""
    plan = Plan(agents=load.agents, managers=tuple(f"manager-{number}" for number in range(managers)), seed=load.seed)
    async with apart.house(settings, plan) as house:
        feeding = _Feeding(house, load)
        await feeding.saturate(until=time.monotonic() + WARM_UP_SECONDS)
        before, since = feeding.over, time.monotonic()
        await feeding.saturate(until=since + load.seconds)
        per_second = (feeding.over - before) / (time.monotonic() - since)
        books = await books_of(house, accepted=feeding.accepted)
        done = books["tasks"].get("done", 0)
        return {"agents": load.agents, "seconds": load.seconds, "managers": managers, "slots": plan.slots,
                **conditions(), "governed_per_second": round(per_second), **books,
                "completion": round(done / max(1, feeding.accepted), 4)}  # fmt: skip


class _Feeding:
    """Keeps twice as much under way as there are agents, by what the database says."""

    def __init__(self, house: House, load: Load) -> None:
        self._house = house
        self._backlog = 2 * load.agents
        self._dice, self._lines = random.Random(load.seed), Lines(seed=load.seed)
        self.accepted, self.over = 0, 0

    async def saturate(self, *, until: float) -> None:
        """Look, fill up, and again."""
        while time.monotonic() < until:
            since = time.monotonic()
            tasks = Counter(await self._house.reads.count(Task))
            self.over = sum(tasks[state] for state in OVER)
            missing = self._backlog - (self.accepted - self.over)
            while missing > 0 and time.monotonic() < until:
                together = min(missing, ARRIVING_AT_ONCE_MAX)
                await asyncio.gather(*(self._bring() for _ in range(together)))
                missing -= together
            await asyncio.sleep(max(0.0, since + LOOK_SECONDS - time.monotonic()))

    async def _bring(self) -> None:
        campaign = self._dice.choice(self._house.campaigns)
        await self._house.intake.accept(arrival(campaign, self._dice, self._lines))
        self.accepted += 1
