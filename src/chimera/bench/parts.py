"""Roles of a measured house as processes of their own: the gateway before a simulated model, effects before a network.

And the office, which lets in what its standard input asks for. Installations start the same roles before real models
and networks; these are for measurements alone. `python -m chimera.bench.parts gateway|effects|office AGENTS SEED`.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import signal
import sys
from collections.abc import AsyncGenerator, Coroutine
from pathlib import Path
from typing import Any

import msgspec
import structlog
import uvloop
from msgspec import Struct

from chimera import bootstrap
from chimera.adapters.rehearsal.publisher import RehearsalPublisher
from chimera.adapters.system.clock import SystemClock
from chimera.assembly.outside import Outside
from chimera.bench.entrances import IntakeHere, let_in
from chimera.bench.feeding import NoTools, settle_in
from chimera.bench.load import QuickJudge, SlowModel, handle_of
from chimera.domain.campaign import Campaign
from chimera.processes.effects import effects_process
from chimera.processes.gateway import gateway_process
from chimera.processes.office import office_process
from chimera.rehearsal import standing, world
from chimera.rehearsal.records import Deed
from chimera.rehearsal.scenario import CALM, Rules
from chimera.settings import Settings, read_settings

GATEWAY, EFFECTS, OFFICE = "gateway", "effects", "office"


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
    async with gateway_process(settings, outside_of(world_of(1, seed), seed)) as address:
        yield address


@contextlib.asynccontextmanager
async def _effects(settings: Settings, agents: int, seed: int) -> AsyncGenerator[str]:
    built = world_of(agents, seed)
    async with (
        bootstrap.running_or_own_database(settings, lasting=True) as found,
        effects_process(settings, outside_of(built, seed), found=found),
    ):
        try:
            yield "here"
        finally:
            standing.write(deeds_file(settings.folder), Deeds(built.network.records()))


@contextlib.asynccontextmanager
async def _office(settings: Settings, agents: int, seed: int) -> AsyncGenerator[str]:
    nothing = outside_of(world_of(1, seed), seed)
    async with (
        bootstrap.running_or_own_database(settings, lasting=True) as found,
        office_process(settings, nothing, found=found, listens=False) as office,
    ):
        campaigns = in_order(await settle_in(office.store, SystemClock(), agents=agents))
        entrance = IntakeHere(office.intake, office.arrived, campaigns, seed=seed)
        letting = asyncio.create_task(let_in(entrance, await _standard_input(), _say))
        # Whoever asks is gone: nobody else would end this process.
        letting.add_done_callback(functools.partial(_end_with, asyncio.current_task()))
        try:
            yield "here"
        finally:
            letting.cancel()
            await asyncio.gather(letting, return_exceptions=True)


def in_order(campaigns: list[Campaign]) -> list[Campaign]:
    """As both processes of a house number them."""
    return sorted(campaigns, key=lambda campaign: campaign.id)


async def _standard_input() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


def _say(accepted: int) -> None:
    sys.stdout.write(f"{accepted}\n")
    sys.stdout.flush()


def _end_with(owner: asyncio.Task[Any] | None, letting: asyncio.Task[None]) -> None:
    if owner is not None and not letting.cancelled():
        owner.cancel()


async def _run(role: str, agents: int, seed: int) -> None:
    owner = asyncio.current_task()
    assert owner is not None, "runs in a task"
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, owner.cancel)
    part = {GATEWAY: _gateway, EFFECTS: _effects, OFFICE: _office}[role]
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
    # Standard output is where whoever measures is answered.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    uvloop.run(main(sys.argv[1:]))
