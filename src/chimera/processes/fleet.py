"""Everything of one machine in one process, with the vault as a process of its own: `chimera up`. Decides nothing."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator

import msgspec
from msgspec import Struct

from chimera.adapters.postgres.reads import PostgresReads
from chimera.adapters.system.clock import SystemClock
from chimera.adapters.system.collector import settle_memory
from chimera.adapters.system.huge_pages import HugePages
from chimera.assembly.alone import alone_as, be_alone
from chimera.assembly.calendar import calendared
from chimera.assembly.guarding import guarded
from chimera.assembly.media import illustrated
from chimera.assembly.minds import memory_at_work
from chimera.assembly.money import paying
from chimera.assembly.orchestrating import Upkeep, inlets_of, tell_first, top_tier
from chimera.assembly.outside import Outside
from chimera.assembly.present import be_present
from chimera.assembly.rules import read_rules
from chimera.assembly.running import last_checkpoint, run_beside
from chimera.assembly.stages import Parts, cfo_of, effects_of, intake_of, manager_of, worker_of
from chimera.assembly.tools import behind_door
from chimera.assembly.vaults import vault
from chimera.assembly.web import webbed
from chimera.bootstrap import Database, closing, entered
from chimera.domain.roles import Role
from chimera.governance.answers import Tally
from chimera.governance.entrusted import Entrusted
from chimera.governance.halts import Halts
from chimera.governance.reviews import Reviews
from chimera.pipeline.intake import Intake
from chimera.ports.clock import Clock
from chimera.ports.store import Store
from chimera.settings import Settings
from chimera.swarm.editions import Editions
from chimera.swarm.listening import Listening
from chimera.swarm.manager import ALL_SHARDS, Manager
from chimera.swarm.pool import Pool
from chimera.swarm.roster import Roster


class Fleet(Struct, frozen=True, kw_only=True):
    """A running fleet, as commands see it."""

    clock: Clock
    office: Store
    reads: PostgresReads
    intake: Intake
    reviews: Reviews
    halts: Halts
    listening: Listening
    manager: Manager
    tally: Tally


@contextlib.asynccontextmanager
async def fleet_process(settings: Settings, outside: Outside, *, found: Database) -> AsyncGenerator[Fleet]:
    """Everything of one machine, running: manager, orchestrator, effects, with the vault as a process of its own."""
    async with contextlib.AsyncExitStack() as stack:
        calendar = calendared(settings, outside.tools, outside.publisher)
        tools, publisher = await stack.enter_async_context(calendar)
        clock, written = SystemClock(), read_rules()
        reads = await stack.enter_async_context(closing(await found.reads()))
        styles = Editions(reads=reads, roster=Roster(reads=reads, clock=clock))
        drawn = await stack.enter_async_context(illustrated(settings, tools=tools, publisher=publisher, styles=styles))
        vaults = await stack.enter_async_context(vault(settings, written.pack.digest, clock))
        office = await entered(stack, found, Role.OFFICE, "office")
        slots = await be_alone(stack, settings, dsn=found.dsn, passwords=found.passwords)
        managing = await entered(stack, found, Role.MANAGER, "manager-0")
        await slots.end_leases(managing, ALL_SHARDS)
        acting = await entered(stack, found, Role.EFFECTS, "effects-0")
        paid = paying(settings, vaults, drawn.publisher, acting=acting, clock=clock)
        web = await stack.enter_async_context(webbed(settings, drawn.tools, reads=reads))
        doored = behind_door(settings, web, await stack.enter_async_context(paid), reads=reads)
        tools, publisher = await stack.enter_async_context(doored)
        outside = msgspec.structs.replace(outside, tools=tools, publisher=publisher)
        ledger = await stack.enter_async_context(closing(await found.ledger()))
        cfo = cfo_of(settings, managing, outcomes=ledger, attestor=vaults.manager)
        minded = await stack.enter_async_context(memory_at_work(
            office, managing, dsn=found.dsn, passwords=found.passwords, specs=written.contracts.specs,
            consents=found.consents(managing),
        ))  # fmt: skip
        entrusted = Entrusted()
        worker = worker_of(settings, written, outside.model, guarded(settings, outside.tools, entrusted))
        manager = manager_of(settings, written, outside, Parts(
            store=managing, sealer=vaults.manager, effects=effects_of(settings, outside.publisher, acting), cfo=cfo,
            minded=minded, entrusted=entrusted, dispatch=Pool(worker.work, workers=settings.workers, clock=clock),
            manifests=drawn.manifests,
        ))  # fmt: skip
        intake = intake_of(office, found.consents(office), told=manager.told)
        inlets = inlets_of(intake, office, reads=reads, tools=outside.tools, consents=found.consents(office),
                           rhythm=outside.rhythm)  # fmt: skip
        top = top_tier(settings, office, reads=reads, vaults=vaults, bands=written.pack.bands, arrived=manager.arrived,
                       inlets=inlets, upkeep=Upkeep(weeks=found.weeks(), remembrance=minded.remembrance))  # fmt: skip
        # Entered before manager and orchestrator run: it happens after both have stopped.
        stack.push_async_callback(last_checkpoint, top.checkpoints)
        await tell_first(top, vaults, reads)
        for role in (Role.OFFICE, Role.MANAGER, Role.EFFECTS):
            await be_present(stack, role, dsn=found.dsn, passwords=found.passwords, who=alone_as(settings))
        settle_memory()
        await run_beside(stack, manager.run(), top.orchestrator.run(), HugePages(clock).run())
        yield Fleet(clock=clock, office=office, reads=reads, intake=intake, reviews=top.reviews, manager=manager,
                    halts=top.halts, listening=inlets.listening, tally=written.tally)  # fmt: skip
