"""The office as a process of its own: the top tier, over the office's role alone. Decides nothing."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator

from msgspec import Struct

from chimera.adapters.system.clock import SystemClock
from chimera.adapters.valkey.bus import ValkeyBus
from chimera.assembly.minds import late_vectors, remembrance_at_work
from chimera.assembly.orchestrating import Upkeep, inlets_of, tell_first, top_tier
from chimera.assembly.outside import Outside
from chimera.assembly.present import be_present
from chimera.assembly.rules import read_rules
from chimera.assembly.running import last_checkpoint, run_beside
from chimera.assembly.stages import intake_of
from chimera.assembly.vaults import running_or_own_vault
from chimera.assembly.web import webbed
from chimera.bootstrap import Database, entered
from chimera.domain.roles import Role
from chimera.pipeline.intake import Intake
from chimera.ports.clock import Clock
from chimera.ports.store import Store
from chimera.processes.channels import OFFICE, channel
from chimera.settings import Settings
from chimera.swarm.bell import Bell
from chimera.swarm.bus_client import ARRIVED, BusClient

ARRIVALS_SECONDS = 0.2


class OfficeProcess(Struct, frozen=True, kw_only=True):
    """The top tier as whoever started it sees it. After something was let in, ring: managers look at once."""

    store: Store
    intake: Intake
    arrived: Bell


@contextlib.asynccontextmanager
async def office_process(
    settings: Settings, outside: Outside, *, found: Database, listens: bool = True
) -> AsyncGenerator[OfficeProcess]:
    """The top tier: intake, listening, reviews, halts, checkpoints. One at a time: the next one fences it.

    Whoever brings all arrivals himself has it listen to no network.
    """
    written, clock = read_rules(), SystemClock()
    async with contextlib.AsyncExitStack() as stack:
        valkey = await stack.enter_async_context(channel(settings, OFFICE))
        vaults = await stack.enter_async_context(running_or_own_vault(settings))
        store = await entered(stack, found, Role.OFFICE, "office")
        reads = await found.reads()
        stack.push_async_callback(reads.close)
        intake = intake_of(store, found.consents(store))
        arrived = Bell(clock)
        tools = await stack.enter_async_context(webbed(settings, outside.tools, reads=reads))
        inlets = inlets_of(intake, store, reads=reads, tools=tools, consents=found.consents(store),
                           rhythm=outside.rhythm)  # fmt: skip
        vectors = await stack.enter_async_context(late_vectors())
        remembrance = await stack.enter_async_context(remembrance_at_work(
            store, dsn=found.dsn, passwords=found.passwords, specs=written.contracts.specs, vectors=vectors,
        ))  # fmt: skip
        top = top_tier(settings, store, reads=reads, vaults=vaults, bands=written.pack.bands, arrived=arrived,
                       inlets=inlets, upkeep=Upkeep(weeks=found.weeks(), remembrance=remembrance))  # fmt: skip
        top.listening.is_open = listens
        stack.push_async_callback(last_checkpoint, top.checkpoints)
        await tell_first(top, vaults, reads)
        await be_present(stack, Role.OFFICE, dsn=found.dsn, passwords=found.passwords)
        await run_beside(stack, top.orchestrator.run(), _tell_arrivals(arrived, BusClient(ValkeyBus(valkey)), clock))
        yield OfficeProcess(store=store, intake=intake, arrived=arrived)


async def _tell_arrivals(arrived: Bell, bus: BusClient, clock: Clock) -> None:
    while True:
        await arrived.wait(seconds_max=ARRIVALS_SECONDS)
        bus.say(ARRIVED)
