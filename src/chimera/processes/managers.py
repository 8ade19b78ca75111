"""A manager process: a manager for each slot that it holds. Plans and grants; can neither publish nor sign."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from msgspec import Struct

from chimera.adapters.postgres.allotments import PostgresAllotments
from chimera.adapters.postgres.patience import Patience
from chimera.adapters.postgres.reads import PostgresReads
from chimera.adapters.postgres.slots import PostgresSlots
from chimera.adapters.postgres.store import PATIENCE_SECONDS, PostgresStore, pool_of
from chimera.adapters.system.clock import SystemClock, SystemIds
from chimera.adapters.system.collector import settle_memory
from chimera.adapters.system.huge_pages import HugePages
from chimera.adapters.valkey.bus import ValkeyBus
from chimera.adapters.valkey.connection import Valkey
from chimera.adapters.valkey.hot import ValkeyHotState
from chimera.assembly import media
from chimera.assembly.minds import Minded, late_vectors, recollection_at_work
from chimera.assembly.outside import Outside
from chimera.assembly.present import be_present
from chimera.assembly.rules import Rules, read_rules
from chimera.assembly.running import run_beside
from chimera.assembly.signals import Signals, served
from chimera.assembly.stages import Parts, cfo_of, manager_of
from chimera.assembly.vaults import vaults_of
from chimera.bootstrap import Database, entered
from chimera.domain.roles import Role
from chimera.governance.treasury import Treasury
from chimera.learning.recollection import Recollection
from chimera.processes.channels import MANAGER, channel
from chimera.processes.crews import Crews, FarCrews, OwnCrews
from chimera.settings import Settings
from chimera.swarm.allotting import Allotting
from chimera.swarm.bell import Bell
from chimera.swarm.bus_client import ARRIVED, BusClient
from chimera.swarm.holding import LEASE_SECONDS, Holding, shards_of
from chimera.swarm.loops import forever
from chimera.swarm.remote_effects import RemoteEffects
from chimera.swarm.roster import Roster
from chimera.swarm.suspected import Suspected
from chimera.swarm.watching import WatchedDispatch, Watching

WATCHED_SECONDS = 0.4


class Known(Struct, frozen=True, kw_only=True):
    """What the managers of one process share: what is known of the fleet, what is written in files, and memories."""

    roster: Roster
    written: Rules
    recollection: Recollection | None


class ManagerProcess:
    """One manager process: a manager for each slot that it holds."""

    def __init__(
        self, settings: Settings, found: Database, valkey: Valkey, *, slots: PostgresSlots,
        allotments: PostgresAllotments, known: Known, lease_seconds: float, outside: Outside | None = None,
    ) -> None:  # fmt: skip
        self._settings = settings
        self._known = known
        self._found = found
        self._valkey = valkey
        self._slots = slots
        self._allotments = allotments
        self._clock = SystemClock()
        self._suspected = Suspected(self._clock)
        self.signals = Signals()
        self.crews: Crews = (FarCrews(settings, valkey, self.signals) if outside is None
                             else OwnCrews(settings, outside, self.signals))  # fmt: skip
        self.who = SystemIds().new()
        self.holding = Holding(slots=slots, holder=self.who, count=settings.manager_slots,
                               run_slot=self._run_slot, clock=self._clock, lease_seconds=lease_seconds)  # fmt: skip

    async def run(self) -> None:
        """Until cancelled."""
        try:
            await self.holding.run()
        finally:
            await self.crews.close()

    async def _run_slot(self, number: int) -> None:
        """Opens the slot's writer, which fences whoever had it, and goes on from the store."""
        shards = shards_of(number, count=self._settings.manager_slots)
        async with contextlib.AsyncExitStack() as stack:
            store = await entered(stack, self._found, Role.MANAGER, f"manager-{number}")
            await self._slots.end_leases(store, shards)
            await self._run_manager(stack, store, number)

    async def _run_manager(self, stack: contextlib.AsyncExitStack, store: PostgresStore, number: int) -> None:
        settings, written, bus = self._settings, self._known.written.for_another(), ValkeyBus(self._valkey)
        vaults = vaults_of(settings, self._clock, second=bool(settings.wallets))
        stack.push_async_callback(vaults.close)
        ledger = await self._found.ledger()
        stack.push_async_callback(ledger.close)
        crew = await self.crews.crew(stack, store, slot=number, written=written)
        remote = RemoteEffects(bus=BusClient(bus), reads=store, clock=self._clock)
        watching = Watching(hot=ValkeyHotState(self._valkey), reads=store, clock=self._clock)
        manager = manager_of(settings, written, crew.minds, Parts(
            store=store, sealer=vaults.manager, effects=remote, entrusted=crew.entrusted,
            cfo=cfo_of(settings, store, outcomes=ledger, attestor=vaults.manager),
            minded=Minded(consents=self._found.consents(store), recollection=self._known.recollection),
            dispatch=WatchedDispatch(crew.dispatch, watching),
            roster=self._known.roster, suspected=self._suspected,
            manifests=media.vouched(settings),
        ), shards=shards_of(number, count=settings.manager_slots))  # fmt: skip
        async with asyncio.TaskGroup() as running:
            running.create_task(manager.run())
            running.create_task(remote.run())
            if settings.manager_slots > 1:
                running.create_task(self._allotting(store).run())
            running.create_task(BusClient(bus).ring(ARRIVED, manager.arrived))
            running.create_task(forever("watching", once=watching.once, bell=Bell(self._clock), clock=self._clock,
                                        idle_seconds=WATCHED_SECONDS))  # fmt: skip

    def _allotting(self, store: PostgresStore) -> Allotting:
        return Allotting(allotments=self._allotments, writer=store.writer, clock=self._clock,
                         treasury=Treasury(zone=self._settings.zone), active=lambda: store.batches)  # fmt: skip


@contextlib.asynccontextmanager
async def manager_process(
    settings: Settings, *, found: Database, known: Known | None = None, lease_seconds: float = LEASE_SECONDS,
    outside: Outside | None = None,
) -> AsyncGenerator[ManagerProcess]:  # fmt: skip
    """A manager process, running while the block does; with what others know and have read, where there are several.

    With ways out of its own it works on its tasks itself; without, worker processes do.
    """
    async with contextlib.AsyncExitStack() as stack:
        valkey = await stack.enter_async_context(channel(settings, MANAGER))
        # One pool for the three: of a hundred managers each connection counts a hundred times.
        pool = await pool_of(found.dsn, Role.MANAGER, found.passwords[Role.MANAGER], keys=found.keys)
        reads = PostgresReads(pool, Patience(PATIENCE_SECONDS))
        stack.push_async_callback(reads.close)
        known = known or await _known(stack, reads, found)
        process = ManagerProcess(settings, found, valkey, slots=PostgresSlots(pool),
                                 allotments=PostgresAllotments(pool), lease_seconds=lease_seconds, known=known,
                                 outside=outside)  # fmt: skip
        stack.enter_context(served(process.signals, settings.metrics_address))
        await be_present(stack, Role.MANAGER, dsn=found.dsn, passwords=found.passwords, who=process.who,
                         listening=process.crews)  # fmt: skip
        settle_memory()
        await run_beside(stack, process.run(), HugePages(SystemClock()).run())
        yield process


async def _known(stack: contextlib.AsyncExitStack, reads: PostgresReads, found: Database) -> Known:
    written, vectors = read_rules(), await stack.enter_async_context(late_vectors())
    recollection = await stack.enter_async_context(recollection_at_work(
        reads, dsn=found.dsn, passwords=found.passwords, specs=written.contracts.specs, vectors=vectors,
    ))  # fmt: skip
    return Known(roster=Roster(reads=reads, clock=SystemClock()), written=written, recollection=recollection)
