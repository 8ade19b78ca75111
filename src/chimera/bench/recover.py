"""`chimera bench recover`: managers, Valkey and PostgreSQL are killed in turns under load, and all goes on.

Managers and workers are processes of their own; office, gateway, effects and the network are this one. Books are
compared at the end. The killed are ours alone: each is a child of this process, or a server under this home.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from chimera import bootstrap, processes
from chimera.adapters.local.home import Home
from chimera.adapters.local.valkey import OWNER, valkey_url
from chimera.adapters.rehearsal.publisher import RehearsalPublisher
from chimera.adapters.system.clock import SystemClock
from chimera.adapters.valkey.connection import Valkey
from chimera.bench import books
from chimera.bench.feeding import PERFORMED_ONE_IN, NoTools, settle_in
from chimera.bench.load import Lines, QuickJudge, SlowModel, handle_of
from chimera.bench.spread import conditions
from chimera.bootstrap import Outside
from chimera.domain.campaign import Campaign
from chimera.domain.errors import Unavailable
from chimera.domain.labels import PUBLIC
from chimera.domain.task import Task
from chimera.governance import audit
from chimera.pipeline.intake import Arrival, Intake
from chimera.ports.store import Reads
from chimera.rehearsal import world
from chimera.rehearsal.scenario import CALM, Rules
from chimera.settings import Settings

MANAGERS, WORKER = ("manager-a", "manager-b"), "worker-1"
LIMITS_SECONDS = {"manager": 5.0, "valkey_flushed": 5.0, "valkey": 5.0, "postgres": 10.0}
READY_SECONDS_MAX, STANDS_SECONDS_MAX, DRAIN_SECONDS_MAX = 300.0, 120.0, 180.0
# What a process that was just killed had sent may still be committed; that is no sign of life.
LAST_BREATH_SECONDS, LOOK_SECONDS, BETWEEN_SECONDS = 0.2, 0.05, 3.0
CALLERS = 16
END_SECONDS_MAX = 60.0
OVER = ("done", "refused", "failed", "dropped")


class Trial(Struct, frozen=True, kw_only=True):
    """How often, and under how much load."""

    rounds: int
    agents: int = 64
    per_second: float = 50.0
    slots: int = 4
    seed: int = 1


class Children:
    """The processes of managers and workers, by name."""

    def __init__(self, settings: Settings, trial: Trial, *, gateway: str) -> None:
        self._settings = {"CHIMERA_HOME": settings.home, "CHIMERA_GATEWAY_ADDRESS": gateway, "PYTHONUNBUFFERED": "1",
                          "CHIMERA_MANAGER_SLOTS": str(trial.slots), "CHIMERA_WORKERS": str(trial.agents),
                          "CHIMERA_WORKER_NAME": WORKER}  # fmt: skip
        self._running: dict[str, asyncio.subprocess.Process] = {}

    async def start(self, name: str, command: str) -> None:
        """It is ready when this returns."""
        given = [f"{key}={value}" for key, value in self._settings.items()]
        child = self._running[name] = await asyncio.create_subprocess_exec(
            "env", *given, sys.executable, "-m", "chimera.cli.start", command,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert child.stdout is not None, "it is a pipe"
        async with asyncio.timeout(READY_SECONDS_MAX):
            line = await child.stdout.readline()
        if b"ready" not in line:
            raise Unavailable("process_away", f"{name} did not begin: {line.decode()[:200]}", where="bench recover",
                              remedy="see the lines above")  # fmt: skip

    async def kill(self, name: str) -> None:
        """As if its host failed."""
        child = self._running.pop(name)
        child.kill()
        await child.wait()

    async def end(self) -> None:
        """All of them, in order."""
        for child in self._running.values():
            if child.returncode is None:
                child.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(END_SECONDS_MAX):
                await asyncio.gather(*(child.wait() for child in self._running.values()))
        except TimeoutError:
            for name in [name for name, child in self._running.items() if child.returncode is None]:
                await self.kill(name)
            raise Unavailable("process_away", "a process did not end when it was told to", where="bench recover",
                              remedy="see the lines above") from None  # fmt: skip


class Callers:
    """Bring arrivals at a rate, through whatever happens. Know how many were accepted."""

    def __init__(self, intake: Intake, campaigns: Sequence[Campaign], trial: Trial) -> None:
        self._intake, self._campaigns, self._per_second = intake, campaigns, trial.per_second
        self._dice, self._lines = random.Random(trial.seed), Lines(seed=trial.seed)
        self.accepted = 0

    async def call(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(CALLERS):
                group.create_task(self._one_after_another())

    async def _one_after_another(self) -> None:
        while True:
            await asyncio.sleep(self._dice.expovariate(self._per_second / CALLERS))
            campaign = self._dice.choice(self._campaigns)
            kind = "bench_post" if self._dice.randrange(PERFORMED_ONE_IN) == 0 else "bench"
            # Who was not answered may have been heard: then there is one task more than was accepted, and none is lost.
            with contextlib.suppress(Unavailable):
                await self._intake.accept(Arrival(
                    campaign_id=campaign.id, agent_id=campaign.agent_id, kind=kind,
                    payload={"text": self._lines.next()}, labels=(PUBLIC,)))  # fmt: skip
                self.accepted += 1


class House(Struct, frozen=True, kw_only=True):
    """What a trial works with."""

    folder: Path
    children: Children
    callers: Callers
    built: world.World
    reads: Reads


async def run(settings: Settings, trial: Trial) -> dict[str, Any]:
    """Every failure in every round, and the books."""
    settings = msgspec.structs.replace(settings, gateway_address="127.0.0.1:0", manager_slots=trial.slots)
    took: dict[str, list[float]] = {what: [] for what in LIMITS_SECONDS}
    async with _house(settings, trial) as house:
        calling = asyncio.create_task(house.callers.call())
        try:
            await _stands(house.reads, await _heads(house.reads), trial, since=time.monotonic())
            for number in range(trial.rounds):
                for what, failing in FAILURES.items():
                    took[what].append(round(await failing(house, trial, number), 2))
                    await asyncio.sleep(BETWEEN_SECONDS)
        finally:
            calling.cancel()
            await asyncio.gather(calling, return_exceptions=True)
        return {**conditions(), "rounds": trial.rounds, "agents": trial.agents, "per_second": trial.per_second,
                "seconds": {what: spread(found) for what, found in took.items()},
                "limits_seconds": LIMITS_SECONDS, **await _books(house)}  # fmt: skip


def spread(seconds: Sequence[float]) -> dict[str, Any]:
    """The middle, the worst, and each."""
    return {"p50": sorted(seconds)[len(seconds) // 2], "max": max(seconds), "all": list(seconds)}


def missed(result: Mapping[str, Any]) -> list[str]:
    """Which of the limits were not kept."""
    late = [what for what, limit in LIMITS_SECONDS.items() if result["seconds"][what]["max"] >= limit]
    wrong = [what for what in ("lost", "doubled", "overspent") if result[what]]
    return [*late, *wrong, *(["chain"] if result["chain"] != "verified" else [])]


@contextlib.asynccontextmanager
async def _house(settings: Settings, trial: Trial) -> AsyncGenerator[House]:
    clock = SystemClock()
    scenario = msgspec.structs.replace(CALM, seed=trial.seed, people=0, rules=Rules(posts_per_hour_max=10**9))
    built = world.build(scenario, clock, accounts=tuple(map(handle_of, range(trial.agents))))
    outside = Outside(model=SlowModel(clock, seed=trial.seed), judge_model=QuickJudge(), tools=NoTools(),
                      publisher=RehearsalPublisher(built.line, clock))  # fmt: skip
    with Home.open(settings.folder) as home:
        async with (
            processes.servers(settings, workers=[WORKER]),
            bootstrap.database(settings) as found,
            processes.office(settings, outside, found=found) as (store, intake),
            processes.gateway(settings, outside) as gateway,
            processes.effects(settings, outside, found=found),
            contextlib.AsyncExitStack() as stack,
        ):
            children = Children(settings, trial, gateway=gateway)
            stack.push_async_callback(children.end)
            reads = await found.reads()
            stack.push_async_callback(reads.close)
            campaigns = await settle_in(store, clock, agents=trial.agents)
            await children.start(WORKER, "worker")
            for name in MANAGERS:
                await children.start(name, "manager")
            yield House(folder=home.folder, children=children, callers=Callers(intake, campaigns, trial), built=built,
                        reads=reads)  # fmt: skip


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
    async with asyncio.timeout(STANDS_SECONDS_MAX):
        while True:
            now = await _heads(reads)
            if all(now[writer] > before[writer] for writer in wanted):
                return time.monotonic() - since
            await asyncio.sleep(LOOK_SECONDS)


async def _books(house: House) -> dict[str, Any]:
    """Everything that was accepted comes to its end; then ours against the network's."""
    gives_up = time.monotonic() + DRAIN_SECONDS_MAX
    while True:
        tasks = Counter(await house.reads.count(Task))
        standing = sum(many for state, many in tasks.items() if state not in OVER)
        if (tasks.total() >= house.callers.accepted and not standing) or time.monotonic() > gives_up:
            break
        await asyncio.sleep(LOOK_SECONDS)
    counts = await books.compare(house.reads, house.built.network.records())
    history = await audit.verify_history(house.reads)
    return {
        "accepted": house.callers.accepted, "tasks": dict(tasks), "standing": standing,
        "lost": counts.lost + standing + max(0, house.callers.accepted - tasks.total()), "doubled": counts.doubled,
        "overspent": counts.overspent + await books.overspent_windows(house.reads),
        "chain": "verified" if history.verified else str(history.flaws[0]),
    }  # fmt: skip
