"""`chimera bench tiers`: how many messages each tier sends for a task, as agents and managers grow.

All tiers run in this process, by their own users and logins, over a real Valkey and PostgreSQL: what is counted is what
goes over the wire, as the servers and the clients count it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from chimera import bootstrap
from chimera.adapters.local.home import Home
from chimera.adapters.local.valkey import OWNER, valkey_url
from chimera.adapters.postgres.filling import Idle, fill_agents
from chimera.adapters.rehearsal.publisher import RehearsalPublisher
from chimera.adapters.system.clock import SystemClock
from chimera.adapters.valkey.connection import Valkey
from chimera.assembly.outside import Outside
from chimera.assembly.rules import read_rules
from chimera.bench import charts
from chimera.bench.apart import OVER
from chimera.bench.entrances import arrival
from chimera.bench.feeding import NoTools, settle_in
from chimera.bench.load import Lines, QuickJudge, SlowModel, handle_of, idle_agents
from chimera.bench.observed import Statements, errors, observed
from chimera.bench.slots import until_held
from chimera.bench.spread import conditions
from chimera.domain.campaign import Campaign, Input
from chimera.domain.task import Task
from chimera.pipeline.intake import Intake
from chimera.ports.store import Reads
from chimera.processes.channels import servers
from chimera.processes.effects import effects_process
from chimera.processes.gateway import gateway_process
from chimera.processes.managers import Known, ManagerProcess, manager_process
from chimera.processes.office import office_process
from chimera.processes.worker import worker_process
from chimera.rehearsal import world
from chimera.rehearsal.scenario import CALM, Rules
from chimera.settings import Settings
from chimera.swarm.roster import Roster

ORCHESTRATOR_PER_SECOND_MAX = 100.0
WORKER = "worker-1"
# A hundred managers on one event loop: a short lease would be missed, and taking over is not what is measured. It is so
# long that all of them have begun before the first one takes what it thinks is its share.
HELD_SECONDS_MIN, HELD_SECONDS_EACH = 10.0, 2.0
# Of more agents than these the others only stand there: whose turn it is was drawn beforehand.
SETTLED_MAX = 2_000
WARM_UP_SECONDS, DRAIN_SECONDS_MAX, LOOK_SECONDS = 5.0, 240.0, 0.1


class Sizes(Struct, frozen=True, kw_only=True):
    """How many agents and managers each measurement has, and what comes in meanwhile."""

    agents: tuple[int, ...]
    managers: tuple[int, ...]
    seconds: float
    per_second: float = 50.0
    seed: int = 1


class Tiers(Struct, frozen=True, kw_only=True):
    """What runs in one measurement, and what counts it."""

    managers: list[ManagerProcess]
    valkey: Valkey
    top: Statements
    reads: Reads
    intake: Intake
    campaigns: list[Campaign]


class Seen(Struct, frozen=True, kw_only=True):
    """What had been sent at one moment."""

    at: float
    slices: float
    top: int
    over: int
    calls: Mapping[str, int]


async def run(settings: Settings, sizes: Sizes) -> dict[str, Any]:
    """Every pair of them, each in a home of its own."""
    points: list[dict[str, Any]] = []
    for agents in sizes.agents:
        for managers in sizes.managers:
            home = f"{settings.home}-{agents}-{managers}"
            points.append(await _point(msgspec.structs.replace(settings, home=home), sizes, agents, managers))
    return {**conditions(), "seconds": sizes.seconds, "per_second": sizes.per_second, "points": points,
            "orchestrator_per_second_max": max(one["orchestrator_per_second"] for one in points)}  # fmt: skip


def holds(result: Mapping[str, Any]) -> bool:
    """Whether the top tier stays quiet, and all that was measured was worked on."""
    quiet = result["orchestrator_per_second_max"] <= ORCHESTRATOR_PER_SECOND_MAX
    return quiet and all(point["tasks"] > 0 for point in result["points"])


def chart(result: Mapping[str, Any]) -> str:
    """Messages for each task over the number of agents, a curve for each tier and number of managers."""
    curves: dict[str, list[tuple[float, float]]] = {}
    for tier in ("orchestrator", "manager", "worker"):
        for point in result["points"]:
            many = point["managers"]
            name = f"{tier}, {many} manager{'' if many == 1 else 's'}"
            curves.setdefault(name, []).append((float(point["agents"]), float(point[f"{tier}_per_task"])))
    title = f"Messages for each task, {result['machine']}, {result['per_second']:g} tasks a second"
    return charts.lines(title, curves, below="agents")


async def _point(settings: Settings, sizes: Sizes, agents: int, managers: int) -> dict[str, Any]:
    async with _tiers(settings, sizes, agents=agents, managers=managers) as tiers:
        warmed = await _fed(tiers, sizes, seconds=WARM_UP_SECONDS)
        before = await _seen(tiers, due=warmed)
        tiers.top.forget()
        came = await _fed(tiers, sizes, seconds=sizes.seconds)
        counts = counted(before, await _seen(tiers, due=warmed + came))
        completion = round(counts["tasks"] / max(1, came), 4)
        return {"agents": agents, "managers": managers, **counts, "completion": completion,
                "errors": await errors(tiers.reads), "queries_ms": tiers.top.queries_ms()}  # fmt: skip


def counted(before: Seen, after: Seen) -> dict[str, Any]:
    """Messages for each task and tier, between two moments."""
    seconds, tasks = after.at - before.at, after.over - before.over
    calls = {name: after.calls.get(name, 0) - before.calls.get(name, 0) for name in after.calls}
    slices = after.slices - before.slices
    words, batches = calls.get("publish", 0), calls.get("xadd", 0) - slices
    return {
        "tasks": tasks,
        "orchestrator_per_second": round((after.top - before.top) / seconds, 1),
        "orchestrator_per_task": round((after.top - before.top) / max(1, tasks), 3),
        "manager_per_task": round(slices / max(1, tasks), 3),
        "worker_per_task": round(batches / max(1, tasks), 3),
        "words_per_second": round(words / seconds, 1),
    }


async def _seen(tiers: Tiers, *, due: int) -> Seen:
    """After everything that came in has come to its end."""
    gives_up = time.monotonic() + DRAIN_SECONDS_MAX
    while True:
        tasks = Counter(await tiers.reads.count(Task))
        over = sum(tasks[state] for state in OVER)
        if over >= due or time.monotonic() > gives_up:
            break
        await asyncio.sleep(LOOK_SECONDS)
    stats: dict[str, dict[str, Any]] = await tiers.valkey.ask("INFO", "commandstats")
    calls = {name.removeprefix("cmdstat_"): int(one["calls"]) for name, one in stats.items()}
    slices = sum(one.signals.sent() for one in tiers.managers)
    return Seen(at=time.monotonic(), slices=slices, top=tiers.top.count, over=over, calls=calls)


async def _fed(tiers: Tiers, sizes: Sizes, *, seconds: float) -> int:
    """How much came in."""
    dice, lines, coming = random.Random(sizes.seed), Lines(seed=sizes.seed), set[asyncio.Task[Input]]()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        coming.add(asyncio.create_task(tiers.intake.accept(arrival(dice.choice(tiers.campaigns), dice, lines))))
        await asyncio.sleep(dice.expovariate(sizes.per_second))
    await asyncio.gather(*coming)
    return len(coming)


@contextlib.asynccontextmanager
async def _tiers(settings: Settings, sizes: Sizes, *, agents: int, managers: int) -> AsyncGenerator[Tiers]:
    clock, top = SystemClock(), Statements()
    settings = msgspec.structs.replace(settings, gateway_address="127.0.0.1:0", manager_slots=managers,
                                       worker_name=WORKER, workers=max(64, min(agents, 1_024)))  # fmt: skip
    scenario = msgspec.structs.replace(CALM, seed=sizes.seed, people=0, rules=Rules(posts_per_hour_max=10**9))
    built = world.build(scenario, clock, accounts=tuple(map(handle_of, range(agents))))
    outside = Outside(model=SlowModel(clock, seed=sizes.seed), judge_model=QuickJudge(), tools=NoTools(),
                      publisher=RehearsalPublisher(built.line, clock))  # fmt: skip
    with Home.open(settings.folder) as home:
        async with (
            servers(settings, workers=[WORKER]),
            bootstrap.database(settings) as found,
            office_process(settings, outside, found=observed(found, top), listens=False) as office,
            gateway_process(settings, outside) as gateway,
            effects_process(settings, outside, found=found),
            contextlib.AsyncExitStack() as stack,
        ):
            settings = msgspec.structs.replace(settings, gateway_address=gateway)
            campaigns = await settle_in(office.store, clock, agents=min(agents, SETTLED_MAX))
            if agents > SETTLED_MAX:
                agent, campaign = idle_agents()
                await fill_agents(found.admin_dsn, Idle(first=SETTLED_MAX, last=agents - 1, agent=agent,
                                                        campaign=campaign, now_us=clock.now_us()))  # fmt: skip
            reads = await found.reads()
            stack.push_async_callback(reads.close)
            valkey = Valkey(valkey_url(home.folder, OWNER))
            stack.push_async_callback(valkey.close)
            await stack.enter_async_context(worker_process(settings))
            # The managers of one process share what is known of the fleet: a hundred times a hundred thousand agents
            # would be what this process remembers, and nothing that goes over a wire.
            known = Known(roster=Roster(reads=reads, clock=clock), written=read_rules(), recollection=None)
            held_seconds = max(HELD_SECONDS_MIN, HELD_SECONDS_EACH * managers)
            running = await stack.enter_async_context(_side_by_side([
                manager_process(settings, found=found, known=known, lease_seconds=held_seconds)
                for _ in range(managers)
            ]))  # fmt: skip
            await until_held(running, managers, seconds_max=DRAIN_SECONDS_MAX)
            yield Tiers(
                managers=running, valkey=valkey, top=top, reads=reads, intake=office.intake, campaigns=campaigns
            )


@contextlib.asynccontextmanager
async def _side_by_side(
    managers: Sequence[contextlib.AbstractAsyncContextManager[ManagerProcess]],
) -> AsyncGenerator[list[ManagerProcess]]:
    """They begin one after the other and end all at once, as processes do that are told to.

    Of a hundred that end one by one, those that are left take over the slots of each, a hundred times.
    """
    ended, lives = asyncio.Event(), list[asyncio.Task[None]]()
    running: list[ManagerProcess] = []
    try:
        for one in managers:
            begun: asyncio.Future[ManagerProcess] = asyncio.get_running_loop().create_future()
            lives.append(asyncio.create_task(_alive(one, begun, ended)))
            await asyncio.wait((begun, lives[-1]), return_when=asyncio.FIRST_COMPLETED)
            if not begun.done():
                await lives[-1]
            running.append(begun.result())
        yield running
    finally:
        ended.set()
        await asyncio.gather(*lives)


async def _alive(
    one: contextlib.AbstractAsyncContextManager[ManagerProcess], begun: asyncio.Future[ManagerProcess],
    ended: asyncio.Event,
) -> None:  # fmt: skip
    async with one as process:
        begun.set_result(process)
        await ended.wait()
