"""`chimera bench growth`: is the swarm as quick on top of ten million finished tasks, and what does an idle agent cost?

The finished tasks are generated in SQL, past every check; nobody works on them, and nobody verifies them.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import statistics
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
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
from chimera.bench.observed import Statements, errors, observed
from chimera.bench.phases import Phases
from chimera.bench.spread import conditions
from chimera.bench.state import used_memory
from chimera.bootstrap import Database
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
    """How much was finished before, how the swarm is loaded, how often it is measured, and how many agents are idle."""

    few: int = 10_000
    many: int = 10_000_000
    idle: int = 100_000
    agents: int = 1_000
    seconds: float = 20.0
    rounds: int = 2
    seed: int = 1

    @property
    def load(self) -> Load:
        """The load of each measurement."""
        return Load(agents=self.agents, seconds=self.seconds, seed=self.seed)


class Filled(Struct, frozen=True, kw_only=True):
    """What was generated in a home: kept beside its database, so that the next run finds it."""

    finished: int = 0
    database_mb: int = 0
    seconds: int = 0


async def run(settings: Settings, sizes: Sizes) -> dict[str, Any]:
    """Two homes under the same load in turns, the small one first; then the idle agents."""
    few, many = _home(settings, "few"), _home(settings, "many")
    filled = {"few": await fill(few, sizes, sizes.few), "many": await fill(many, sizes, sizes.many)}
    seen: dict[str, list[dict[str, Any]]] = {"few": [], "many": []}
    for _ in range(sizes.rounds):
        seen["few"].append(await _measured(few, sizes))
        seen["many"].append(await _measured(many, sizes))
    small, large = (_told(filled[name], seen[name]) for name in ("few", "many"))
    share = large["governed_per_second"] / max(1, small["governed_per_second"])
    return {**conditions(), "agents": sizes.agents, "seconds": sizes.seconds, "few": small, "many": large,
            "share": round(share, 3), "idle": await idle(settings, sizes.idle)}  # fmt: skip


async def prepare(settings: Settings, sizes: Sizes) -> dict[str, Any]:
    """Only the many rows, to be measured another time."""
    return msgspec.to_builtins(await fill(_home(settings, "many"), sizes, sizes.many))


def missed(result: Mapping[str, Any]) -> list[str]:
    """Which of the limits were not kept."""
    kept = {"share": result["share"] >= SHARE_MIN, "idle": result["idle"]["bytes"] < IDLE_BYTES_MAX}
    return [name for name, is_kept in kept.items() if not is_kept]


async def fill(settings: Settings, sizes: Sizes, finished: int) -> Filled:
    """Generate what is missing in a home of its own."""
    kept = settings.folder.parent / f"{settings.folder.name}.filled.json"
    before = msgspec.json.decode(kept.read_bytes(), type=Filled) if kept.exists() else Filled()
    if before.finished >= finished:
        return before
    since = time.monotonic()
    async with _house(settings, sizes, Statements()) as (found, house):
        database_bytes = await fill_finished(
            found.admin_dsn, _finished(house, first=before.finished + 1, last=finished)
        )
    took = before.seconds + round(time.monotonic() - since)
    filled = Filled(finished=finished, database_mb=database_bytes >> 20, seconds=took)
    kept.write_bytes(msgspec.json.encode(filled))
    return filled


@contextlib.asynccontextmanager
async def _house(settings: Settings, sizes: Sizes, statements: Statements) -> AsyncGenerator[tuple[Database, FedHouse]]:
    async with (
        bootstrap.database(settings) as found,
        fed_house(settings, sizes.load, found=observed(found, statements)) as house,
    ):
        yield found, house


async def _measured(settings: Settings, sizes: Sizes) -> dict[str, Any]:
    statements = Statements()
    async with _house(settings, sizes, statements) as (_, house):
        feeder = Feeder(house.entrance, house.campaigns, seed=sizes.seed)
        phases = Phases(feeder=feeder, meter=house.meter, statements=statements, load=sizes.load,
                        pids={"fleet": os.getpid()})  # fmt: skip
        return {**await phases.saturated(), "errors": await errors(house.fleet.reads)}


def _told(filled: Filled, seen: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The middle of its measurements, each of them, and the rest of the last."""
    rates = [one["governed_per_second"] for one in seen]
    return {"finished": filled.finished, "database_mb": filled.database_mb, "filled_seconds": filled.seconds,
            **seen[-1], "governed_per_second": round(statistics.median(rates)), "each": rates}  # fmt: skip


def _home(settings: Settings, name: str) -> Settings:
    return msgspec.structs.replace(settings, home=f"{settings.home}-{name}")


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
