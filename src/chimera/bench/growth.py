"""`chimera bench growth`: is the swarm as quick on top of ten million finished tasks, and what does an idle agent cost?

The finished tasks are generated in SQL, past every check; nobody works on them, and nobody verifies them.
"""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from chimera import bootstrap
from chimera.adapters.local.valkey import start_valkey
from chimera.adapters.memory.database import MemoryDatabase
from chimera.adapters.memory.store import MemoryStore
from chimera.adapters.postgres.filling import Finished, fill_finished
from chimera.adapters.system.clock import SystemClock, SystemIds
from chimera.adapters.valkey.connection import Valkey
from chimera.adapters.valkey.hot import ValkeyHotState
from chimera.bench.feeding import FedHouse, Feeder, Load, fed_house
from chimera.bench.load import agent_of
from chimera.bench.observed import Statements, observed
from chimera.bench.phases import Phases
from chimera.bench.spread import conditions
from chimera.bench.state import used_memory
from chimera.domain.campaign import Input, InputState
from chimera.domain.kinds import NAMES
from chimera.domain.labels import PUBLIC
from chimera.domain.roles import Role
from chimera.domain.rows import row_of
from chimera.domain.spec import SpecRef
from chimera.domain.task import Task, TaskState
from chimera.ports.hot import Pulse, Status
from chimera.settings import Settings
from chimera.swarm.roster import Roster

SHARE_MIN = 0.9
IDLE_BYTES_MAX = 5_000
TEXT = "a line of a usual length, about nothing in particular, as it was said on a day like any other "
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Sizes(Struct, frozen=True, kw_only=True):
    """How much was finished before, how the swarm is loaded, and how many agents are idle."""

    few: int = 10_000
    many: int = 10_000_000
    idle: int = 100_000
    agents: int = 1_000
    seconds: float = 20.0
    seed: int = 1


async def run(settings: Settings, sizes: Sizes) -> dict[str, Any]:
    """The same load twice in one run, before and after most of the rows came; then the idle agents."""
    load, statements = Load(agents=sizes.agents, seconds=sizes.seconds, seed=sizes.seed), Statements()
    async with (
        bootstrap.database(settings) as found,
        fed_house(settings, load, found=observed(found, statements)) as house,
    ):
        feeder = Feeder(house.fleet, house.campaigns, seed=sizes.seed)
        phases = Phases(feeder=feeder, meter=house.meter, statements=statements, load=load)
        small = await _measured(found.admin_dsn, house, phases, first=1, last=sizes.few)
        large = await _measured(found.admin_dsn, house, phases, first=sizes.few + 1, last=sizes.many)
    share = large["governed_per_second"] / max(1, small["governed_per_second"])
    return {**conditions(), "agents": sizes.agents, "seconds": sizes.seconds, "few": small, "many": large,
            "share": round(share, 3), "idle": await idle(settings, sizes.idle)}  # fmt: skip


def missed(result: Mapping[str, Any]) -> list[str]:
    """Which of the limits were not kept."""
    kept = {"share": result["share"] >= SHARE_MIN, "idle": result["idle"]["bytes"] < IDLE_BYTES_MAX}
    return [name for name, is_kept in kept.items() if not is_kept]


async def _measured(admin_dsn: str, house: FedHouse, phases: Phases, *, first: int, last: int) -> dict[str, Any]:
    """Fill up to so many, then measure."""
    since = time.monotonic()
    database_bytes = await fill_finished(admin_dsn, _finished(house, first=first, last=last))
    filled_seconds = time.monotonic() - since
    figures = await phases.saturated()
    return {"finished": last, "database_mb": database_bytes >> 20, "filled_seconds": round(filled_seconds), **figures}


def _finished(house: FedHouse, *, first: int, last: int) -> Finished:
    task, came = generated()
    campaigns = tuple([one.id for one in house.campaigns])
    agents = tuple([one.agent_id for one in house.campaigns])
    return Finished(first=first, last=last, task=task, input=came, campaigns=campaigns, agents=agents,
                    now_us=house.fleet.clock.now_us())  # fmt: skip


def generated() -> tuple[str, str]:
    """The bodies of a finished task and of the input that it answered, with places for what differs."""
    task = Task(id="@ID@", version=3, campaign_id="@CAMPAIGN@", agent_id="@AGENT@", key="@INPUT@", input_id="@INPUT@",
                spec=SpecRef("bench.note", 1, "0" * 64), input={"text": TEXT}, labels=(PUBLIC,), attempt=1,
                state=TaskState.DONE)  # fmt: skip
    came = Input(id="@ID@", version=2, campaign_id="@CAMPAIGN@", kind="bench", payload={"text": TEXT},
                 labels=(PUBLIC,), threat="LOW", admitted_at_us=1, state=InputState.PLANNED)  # fmt: skip
    return msgspec.json.encode(task).decode(), msgspec.json.encode(came).decode()


# ── idle agents ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def idle(settings: Settings, agents: int) -> dict[str, Any]:
    """Bytes for each: a coroutine that waits and the pulse in hot state; and, beside, what a manager knows of it."""
    waits = await _waiting_bytes(agents)
    known = await _roster_bytes(agents)
    hot = await _hot_bytes(settings, agents)
    return {"agents": agents, "bytes": waits + hot, "coroutine_bytes": waits, "hot_bytes": hot, "roster_bytes": known}


async def _waiting_bytes(agents: int) -> int:
    wakes = asyncio.Event()

    async def waits(name: str) -> str:
        await wakes.wait()
        return name

    before = _resident()
    waiting = [asyncio.create_task(waits(f"agent-{number}")) for number in range(agents)]
    await asyncio.sleep(0)
    grown = _resident() - before
    wakes.set()
    await asyncio.gather(*waiting)
    return max(0, grown) // agents


async def _roster_bytes(agents: int) -> int:
    clock, fresh, database = SystemClock(), SystemIds(), MemoryDatabase()
    for number in range(agents):
        agent = agent_of(number, fresh)
        database.tables[NAMES[type(agent)]].put(row_of(agent))
    reads = MemoryStore(database, writer="manager-0", role=Role.MANAGER, clock=clock)
    before, roster = _resident(), Roster(reads=reads, clock=clock)
    await roster.load()
    return max(0, _resident() - before) // agents


async def _hot_bytes(settings: Settings, agents: int) -> int:
    server, fresh = await start_valkey(settings.folder), SystemIds()
    valkey = Valkey(server.url)
    try:
        before = await used_memory(valkey)
        pulses = [Pulse(agent_id=fresh.new(), status=Status.IDLE, at_us=number) for number in range(agents)]
        await ValkeyHotState(valkey).beat(pulses)
        return (await used_memory(valkey) - before) // agents
    finally:
        await valkey.close()
        await server.stop()


def _resident() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * PAGE_BYTES
