"""Roles of a measured house as processes of their own: the gateway before a simulated model, effects before a network.

For measurements alone: no installation starts these. `python -m chimera.bench.parts gateway|effects AGENTS SEED`.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncGenerator, Coroutine
from pathlib import Path
from typing import Any

import msgspec
import uvloop
from msgspec import Struct

from chimera import bootstrap, processes
from chimera.adapters.rehearsal.publisher import RehearsalPublisher
from chimera.adapters.system.clock import SystemClock
from chimera.bench.feeding import NoTools
from chimera.bench.load import QuickJudge, SlowModel, handle_of
from chimera.bootstrap import Outside
from chimera.rehearsal import standing, world
from chimera.rehearsal.records import Deed
from chimera.rehearsal.scenario import CALM, Rules
from chimera.settings import Settings, read_settings

GATEWAY, EFFECTS = "gateway", "effects"


class Deeds(Struct, frozen=True):
    """What the network saw, for whoever compares the books."""

    records: tuple[Deed, ...]


def deeds_file(folder: Path) -> Path:
    """Where effects leave the network's records when they end."""
    return folder / "bench-deeds.json"


def deeds_of(folder: Path) -> tuple[Deed, ...]:
    """The network's records, once effects have ended."""
    return msgspec.json.decode(deeds_file(folder).read_bytes(), type=Deeds).records


def world_of(agents: int, seed: int) -> world.World:
    """A network without an audience, with an account for each agent."""
    scenario = msgspec.structs.replace(CALM, seed=seed, people=0, rules=Rules(posts_per_hour_max=10**9))
    return world.build(scenario, SystemClock(), accounts=tuple(map(handle_of, range(agents))))


def outside_of(built: world.World, seed: int) -> Outside:
    """The simulated model that only takes time, a judge that accepts at once, and the network of this world."""
    clock = SystemClock()
    return Outside(model=SlowModel(clock, seed=seed), judge_model=QuickJudge(), tools=NoTools(),
                   publisher=RehearsalPublisher(built.line, clock))  # fmt: skip


@contextlib.asynccontextmanager
async def _gateway(settings: Settings, agents: int, seed: int) -> AsyncGenerator[str]:
    async with processes.gateway(settings, outside_of(world_of(1, seed), seed)) as address:
        yield address


@contextlib.asynccontextmanager
async def _effects(settings: Settings, agents: int, seed: int) -> AsyncGenerator[str]:
    built = world_of(agents, seed)
    async with (
        bootstrap.running_or_own_database(settings, lasting=True) as found,
        processes.effects(settings, outside_of(built, seed), found=found),
    ):
        try:
            yield "here"
        finally:
            standing.write(deeds_file(settings.folder), Deeds(built.network.records()))


async def _run(role: str, agents: int, seed: int) -> None:
    owner = asyncio.current_task()
    assert owner is not None, "runs in a task"
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, owner.cancel)
    part = {GATEWAY: _gateway, EFFECTS: _effects}[role]
    # Told to end, what was opened is closed in order.
    with contextlib.suppress(asyncio.CancelledError):
        async with part(read_settings(), agents, seed) as address:
            sys.stdout.write(f"{role}: ready {address}\n")
            sys.stdout.flush()
            await asyncio.Event().wait()


def main(words: list[str]) -> Coroutine[Any, Any, None]:
    """One role for so many agents under this seed."""
    role, agents, seed = words
    return _run(role, int(agents), int(seed))


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1:]))
