"""`chimera bench recover`: managers, Valkey and PostgreSQL are killed in turns under load, and all goes on.

Every role is a process of its own but the office, which is this one. Books are compared at the end. The killed are ours
alone: each is a child of this process, or a server under this home.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from msgspec import Struct

from chimera.adapters.local.valkey import OWNER, valkey_url
from chimera.adapters.valkey.connection import Valkey
from chimera.bench import apart
from chimera.bench.apart import OVER, House, Plan, books_of
from chimera.bench.entrances import arrival
from chimera.bench.load import Lines
from chimera.bench.spread import conditions
from chimera.domain.errors import Unavailable
from chimera.domain.task import Task
from chimera.ports.store import Reads
from chimera.settings import Settings

log = structlog.get_logger("chimera.bench")
MANAGERS = ("manager-a", "manager-b")
LIMITS_SECONDS = {"manager": 5.0, "valkey_flushed": 5.0, "valkey": 5.0, "postgres": 10.0}
# A swarm that does not stand after so long is taken for one that took so long.
STANDS_SECONDS_MAX = 120.0
# What a process that was just killed had sent may still be committed; that is no sign of life.
LAST_BREATH_SECONDS, LOOK_SECONDS, BETWEEN_SECONDS = 0.2, 0.05, 0.5
CALLERS = 16
# While more stand than so many for each agent, nobody calls: what is measured is full load, not a heap that grows.
STANDING_PER_AGENT_MAX = 4
COUNT_SECONDS = 2.0


class Trial(Struct, frozen=True, kw_only=True):
    """How often, and under how much load."""

    rounds: int
    agents: int = 64
    per_second: float = 150.0
    slots: int = 4
    seed: int = 1


class Callers:
    """Bring arrivals at a rate, through whatever happens, while they are worked off. Know how many were accepted."""

    def __init__(self, house: House, trial: Trial) -> None:
        self._house, self._trial = house, trial
        self._dice, self._lines = random.Random(trial.seed), Lines(seed=trial.seed)
        self._may_call = asyncio.Event()
        self.accepted = 0

    async def call(self) -> None:
        """Until cancelled."""
        self._may_call.set()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._hold_back())
            for _ in range(CALLERS):
                group.create_task(self._one_after_another())

    async def _hold_back(self) -> None:
        while True:
            await asyncio.sleep(COUNT_SECONDS)
            with contextlib.suppress(Unavailable):
                tasks = Counter(await self._house.reads.count(Task))
                standing = self.accepted - sum(tasks[state] for state in OVER)
                may_call = standing <= STANDING_PER_AGENT_MAX * self._trial.agents
                (self._may_call.set if may_call else self._may_call.clear)()

    async def _one_after_another(self) -> None:
        while True:
            await asyncio.sleep(self._dice.expovariate(self._trial.per_second / CALLERS))
            await self._may_call.wait()
            came = arrival(self._dice.choice(self._house.campaigns), self._dice, self._lines)
            # Who was not answered may have been heard: then there is one task more than was accepted, and none is lost.
            with contextlib.suppress(Unavailable):
                await self._house.intake.accept(came)
                self.accepted += 1


async def run(settings: Settings, trial: Trial) -> dict[str, Any]:
    """Every failure in every round, and the books."""
    plan = Plan(agents=trial.agents, managers=MANAGERS, slots=trial.slots, seed=trial.seed)
    took: dict[str, list[float]] = {what: [] for what in LIMITS_SECONDS}
    async with apart.house(settings, plan) as house:
        callers, began = Callers(house, trial), time.monotonic()
        calling = asyncio.create_task(callers.call())
        try:
            await _stands(house.reads, await _heads(house.reads), trial, since=time.monotonic())
            for number in range(trial.rounds):
                for what, failing in FAILURES.items():
                    took[what].append(round(await failing(house, trial, number), 2))
                    log.info("it goes on", round=number + 1, after=what, seconds=took[what][-1])
                    await asyncio.sleep(BETWEEN_SECONDS)
        finally:
            calling.cancel()
            await asyncio.gather(calling, return_exceptions=True)
        accepted_per_second = round(callers.accepted / (time.monotonic() - began))
        return {**conditions(), "rounds": trial.rounds, "agents": trial.agents, "per_second": trial.per_second,
                "accepted_per_second": accepted_per_second,
                "seconds": {what: spread(found) for what, found in took.items()},
                "limits_seconds": LIMITS_SECONDS, **await books_of(house, accepted=callers.accepted)}  # fmt: skip


def spread(seconds: Sequence[float]) -> dict[str, Any]:
    """The middle, the worst, and each."""
    return {"p50": sorted(seconds)[len(seconds) // 2], "max": max(seconds), "all": list(seconds)}


def missed(result: Mapping[str, Any]) -> list[str]:
    """Which of the limits were not kept."""
    late = [what for what, limit in LIMITS_SECONDS.items() if result["seconds"][what]["max"] >= limit]
    wrong = [what for what in ("lost", "doubled", "overspent", "did_not_end") if result[what]]
    return [*late, *wrong, *(["chain"] if result["chain"] != "verified" else [])]


async def _manager_dies(house: House, trial: Trial, number: int) -> float:
    """Now one and now the other; it comes back afterwards."""
    name, since = MANAGERS[number % len(MANAGERS)], time.monotonic()
    await house.children.kill(name)
    await asyncio.sleep(LAST_BREATH_SECONDS)
    took = await _stands(house.reads, await _heads(house.reads), trial, since=since)
    await house.children.start(name, "manager")
    return took


async def _valkey_forgets(house: House, trial: Trial, number: int) -> float:
    """It lives on, and everything in it is gone: streams, hot state, marks."""
    since = time.monotonic()
    valkey = Valkey(valkey_url(house.folder, OWNER))
    try:
        await valkey.ask("FLUSHALL")
    finally:
        await valkey.close()
    await asyncio.sleep(LAST_BREATH_SECONDS)
    return await _stands(house.reads, await _heads(house.reads), trial, since=since)


async def _valkey_dies(house: House, trial: Trial, number: int) -> float:
    """With everything in it: the embedded one keeps nothing on disk."""
    since = time.monotonic()
    os.kill(int((house.folder / "valkey" / "valkey.pid").read_text("ascii")), signal.SIGKILL)
    await asyncio.sleep(LAST_BREATH_SECONDS)
    return await _stands(house.reads, await _heads(house.reads), trial, since=since)


async def _postgres_dies(house: House, trial: Trial, number: int) -> float:
    """Counted from its return: from when somebody is answered again."""
    (claim,) = house.folder.glob("postgres/*/postmaster.pid")
    os.kill(int(claim.read_text("ascii").split()[0]), signal.SIGKILL)
    await asyncio.sleep(LAST_BREATH_SECONDS)
    before = await _heads(house.reads)
    return await _stands(house.reads, before, trial, since=time.monotonic())


FAILURES = {"manager": _manager_dies, "valkey_flushed": _valkey_forgets, "valkey": _valkey_dies,
            "postgres": _postgres_dies}  # fmt: skip


async def _heads(reads: Reads) -> Counter[str]:
    """How long the chain of each slot is; asked until somebody answers."""
    async with asyncio.timeout(STANDS_SECONDS_MAX):
        while True:
            with contextlib.suppress(Unavailable):
                heads = await reads.heads()
                return Counter({head.writer: head.seq for head in heads if head.writer.startswith("manager-")})
            await asyncio.sleep(LOOK_SECONDS)


async def _stands(reads: Reads, before: Counter[str], trial: Trial, *, since: float) -> float:
    """How long it was until every slot's manager had committed something more."""
    wanted = [f"manager-{number}" for number in range(trial.slots)]
    while time.monotonic() < since + STANDS_SECONDS_MAX:
        now = await _heads(reads)
        if all(now[writer] > before[writer] for writer in wanted):
            break
        await asyncio.sleep(LOOK_SECONDS)
    return time.monotonic() - since
