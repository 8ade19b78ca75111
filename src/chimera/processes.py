"""Assembles the processes of DESIGN §6, one by one: each gets what its role holds, and nothing else.

They meet in PostgreSQL, over Valkey, at the gateway's address and at the vault's socket. Decides nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct

from chimera import bootstrap
from chimera.adapters.gateway.client import GatewayLine, GatewayModel, GatewayTools
from chimera.adapters.gateway.server import WorkersGateway
from chimera.adapters.gateway.tls import door_context, line_context
from chimera.adapters.local.home import prepare_home
from chimera.adapters.local.keeping_valkey import kept_valkey
from chimera.adapters.local.valkey import valkey_url
from chimera.adapters.postgres.allotments import PostgresAllotments
from chimera.adapters.postgres.patience import Patience
from chimera.adapters.postgres.reads import PostgresReads
from chimera.adapters.postgres.slots import PostgresSlots
from chimera.adapters.postgres.store import PATIENCE_SECONDS, PostgresStore, pool_of
from chimera.adapters.system.clock import SystemClock, SystemIds
from chimera.adapters.system.collector import settle_memory
from chimera.adapters.valkey.bus import ValkeyBus
from chimera.adapters.valkey.connection import Valkey
from chimera.adapters.valkey.dispatch import StreamDispatch
from chimera.adapters.valkey.host import StreamHost, Work
from chimera.adapters.valkey.hot import ValkeyHotState
from chimera.adapters.valkey.slices import worker_rules
from chimera.adapters.vault import keys
from chimera.assembly import media
from chimera.assembly.calendar import calendared
from chimera.assembly.media import illustrated
from chimera.assembly.minds import Minded, late_vectors, recollection_at_work, remembrance_at_work
from chimera.assembly.money import paying
from chimera.assembly.orchestrating import Upkeep, inlets_of, top_tier
from chimera.assembly.running import last_checkpoint, run_beside
from chimera.assembly.signals import Signals, served
from chimera.assembly.tools import behind_door
from chimera.assembly.vaults import running_or_own_vault, vaults_of
from chimera.assembly.web import webbed
from chimera.bootstrap import Database, Minds, Outside, Parts, Rules
from chimera.domain.errors import Invalid, Unavailable
from chimera.domain.roles import Role
from chimera.domain.work import Assignment
from chimera.governance.cfo import CFOAgent
from chimera.governance.entrusted import Entrusted
from chimera.governance.identity import slices
from chimera.governance.identity.slices import ManagersPass, SlicePass
from chimera.governance.treasury import Treasury
from chimera.learning.recollection import Recollection
from chimera.pipeline.intake import Intake
from chimera.ports.clock import Clock
from chimera.ports.dispatch import Dispatch
from chimera.ports.model import ModelRequest
from chimera.ports.store import Store
from chimera.ports.tools_read import ToolsRead
from chimera.settings import Settings
from chimera.swarm.allotting import Allotting
from chimera.swarm.bell import Bell
from chimera.swarm.bus_client import ARRIVED, BusClient
from chimera.swarm.doubting import DoubtingDispatch
from chimera.swarm.editions import Editions
from chimera.swarm.holding import LEASE_SECONDS, Holding, shards_of
from chimera.swarm.loops import forever
from chimera.swarm.pool import Pool
from chimera.swarm.remote_effects import EffectsLoop, RemoteEffects
from chimera.swarm.roster import Roster
from chimera.swarm.watching import WatchedDispatch, Watching

MANAGER, EFFECTS, OFFICE = "manager", "effects", "office"
WATCHED_SECONDS = 0.4
ARRIVALS_SECONDS = 0.2
# What each role's user may do in Valkey. Workers have a user each: `worker_rules`.
ROLE_RULES = {
    MANAGER: "~chimera:* &chimera:hello:* &chimera:arrived &chimera:granted &chimera:acted "
    "+@stream +@string +@hash +@keyspace +@pubsub +@connection +info -flushall -flushdb",
    EFFECTS: "&chimera:granted &chimera:acted +subscribe +unsubscribe +publish +ping",
    OFFICE: "&chimera:arrived +publish +ping",
}


@contextlib.asynccontextmanager
async def servers(settings: Settings, *, workers: Sequence[str]) -> AsyncGenerator[None]:
    """Valkey under this home with a user for each role and worker; nothing, where there is a server of one's own."""
    if settings.valkey_url:
        yield
        return
    rules = {**ROLE_RULES, **{name: worker_rules(name) for name in workers}}
    async with kept_valkey(prepare_home(settings.folder), users=rules):
        yield


@contextlib.asynccontextmanager
async def channel(settings: Settings, user: str) -> AsyncGenerator[Valkey]:
    """Valkey with the user of a role: by its address, or the one under this home."""
    valkey = Valkey(settings.valkey_url or valkey_url(prepare_home(settings.folder), user))
    try:
        yield valkey
    finally:
        await valkey.close()


# ── the office ──────────────────────────────────────────────────────────────────────────────────────────────────────


class OfficeProcess(Struct, frozen=True, kw_only=True):
    """The top tier as whoever started it sees it. After something was let in, ring: managers look at once."""

    store: Store
    intake: Intake
    arrived: Bell


@contextlib.asynccontextmanager
async def office(
    settings: Settings, outside: Outside, *, found: Database, listens: bool = True
) -> AsyncGenerator[OfficeProcess]:
    """The top tier: intake, listening, reviews, halts, checkpoints. One at a time: the next one fences it.

    Whoever brings all arrivals himself has it listen to no network.
    """
    written, clock = bootstrap.rules(), SystemClock()
    async with contextlib.AsyncExitStack() as stack:
        valkey = await stack.enter_async_context(channel(settings, OFFICE))
        vaults = await stack.enter_async_context(running_or_own_vault(settings))
        store = await bootstrap.entered(stack, found, Role.OFFICE, "office")
        reads = await found.reads()
        stack.push_async_callback(reads.close)
        intake = Intake(security=bootstrap.security(), store=store, clock=clock, ids=SystemIds(),
                        consents=found.consents(store))  # fmt: skip
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
        with contextlib.suppress(Unavailable):
            await top.governor.once()
            await vaults.halt(await reads.halted())
        await run_beside(stack, top.orchestrator.run(), _tell_arrivals(arrived, BusClient(ValkeyBus(valkey)), clock))
        yield OfficeProcess(store=store, intake=intake, arrived=arrived)


async def _tell_arrivals(arrived: Bell, bus: BusClient, clock: Clock) -> None:
    while True:
        await arrived.wait(seconds_max=ARRIVALS_SECONDS)
        bus.say(ARRIVED)


# ── managers ────────────────────────────────────────────────────────────────────────────────────────────────────────


class Crew(Struct, frozen=True, kw_only=True):
    """Who works on the tasks of one slot, and what its manager thinks with."""

    dispatch: Dispatch
    minds: Minds
    entrusted: Entrusted


class Crews(Protocol):
    """How tasks are worked on: by worker processes, or in the manager's own."""

    async def crew(self, stack: contextlib.AsyncExitStack, store: PostgresStore, *, slot: int, written: Rules) -> Crew:
        """For one slot, until the stack is left."""
        ...

    async def close(self) -> None:
        """Hang up."""
        ...


class FarCrews:
    """Worker processes, over Streams; models and tools are the gateway's. No key of a model is in this process."""

    def __init__(self, settings: Settings, valkey: Valkey, signals: Signals) -> None:
        self._valkey = valkey
        self._signals = signals
        self._clock = SystemClock()
        self._line = line_of(settings)
        self._key = manager_key(settings)
        self._pass = ManagersPass(key=self._key, clock=self._clock)

    async def crew(self, stack: contextlib.AsyncExitStack, store: PostgresStore, *, slot: int, written: Rules) -> Crew:
        """The workers that are there, by a stream of this slot's own."""
        streams = StreamDispatch(self._valkey, ValkeyBus(self._valkey), reply=f"{store.writer}.{store.epoch}",
                                 token_for=self._token_for, clock=self._clock)  # fmt: skip
        await streams.open()
        stack.enter_context(self._signals.watched(slot, streams))
        judge = GatewayModel(self._line, self._own_token, kind="judge")
        minds = Minds(model=GatewayModel(self._line, self._own_token), judge_model=judge)
        dispatch = DoubtingDispatch(streams, self._line.stands, self._clock)
        return Crew(dispatch=dispatch, minds=minds, entrusted=Entrusted())

    async def close(self) -> None:
        """Leave the gateway."""
        await self._line.close()

    def _token_for(self, assignments: Sequence[Assignment]) -> str:
        return slices.signed(assignments, key=self._key, clock=self._clock)

    def _own_token(self, request: ModelRequest) -> str:
        return self._pass.token()


class OwnCrews:
    """Workers in this process, with models and reading tools of its own: nothing goes over Streams or the gateway."""

    def __init__(self, settings: Settings, outside: Outside, signals: Signals) -> None:
        self._settings = settings
        self._outside = outside
        self._signals = signals
        # Each slot has its share of them, whether this process holds one or all.
        self._workers = max(1, settings.workers // settings.manager_slots)

    async def crew(self, stack: contextlib.AsyncExitStack, store: PostgresStore, *, slot: int, written: Rules) -> Crew:
        """Workers for this slot alone."""
        entrusted = Entrusted()
        tools = bootstrap.guarded(self._settings, self._outside.tools, entrusted)
        worker = bootstrap.worker_of(self._settings, written, self._outside.model, tools)
        pool = Pool(worker.work, workers=self._workers, clock=SystemClock())
        stack.enter_context(self._signals.watched(slot, pool))
        return Crew(dispatch=pool, minds=self._outside, entrusted=entrusted)

    async def close(self) -> None:
        """Nothing is held open."""


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
        self.signals = Signals()
        self._crews: Crews = (FarCrews(settings, valkey, self.signals) if outside is None
                              else OwnCrews(settings, outside, self.signals))  # fmt: skip
        self.holding = Holding(slots=slots, holder=SystemIds().new(), count=settings.manager_slots,
                               run_slot=self._run_slot, clock=self._clock, lease_seconds=lease_seconds)  # fmt: skip

    async def run(self) -> None:
        """Until cancelled."""
        try:
            await self.holding.run()
        finally:
            await self._crews.close()

    async def _run_slot(self, number: int) -> None:
        """Opens the slot's writer, which fences whoever had it, and goes on from the store."""
        shards = shards_of(number, count=self._settings.manager_slots)
        async with contextlib.AsyncExitStack() as stack:
            store = await bootstrap.entered(stack, self._found, Role.MANAGER, f"manager-{number}")
            await self._slots.end_leases(store, shards)
            await self._run_manager(stack, store, number)

    async def _run_manager(self, stack: contextlib.AsyncExitStack, store: PostgresStore, number: int) -> None:
        settings, written, bus = self._settings, self._known.written.for_another(), ValkeyBus(self._valkey)
        vaults = vaults_of(settings, self._clock, second=bool(settings.wallets))
        stack.push_async_callback(vaults.close)
        ledger = await self._found.ledger()
        stack.push_async_callback(ledger.close)
        crew = await self._crews.crew(stack, store, slot=number, written=written)
        remote = RemoteEffects(bus=BusClient(bus), reads=store, clock=self._clock)
        watching = Watching(hot=ValkeyHotState(self._valkey), reads=store, clock=self._clock)
        manager = bootstrap.manager_of(settings, written, crew.minds, Parts(
            store=store, sealer=vaults.manager, effects=remote, entrusted=crew.entrusted,
            cfo=CFOAgent(reads=store, outcomes=ledger, attestor=vaults.manager,
                         treasury=Treasury(zone=settings.zone), clock=self._clock),
            minded=Minded(consents=self._found.consents(store), recollection=self._known.recollection),
            dispatch=WatchedDispatch(crew.dispatch, watching),
            roster=self._known.roster,
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
async def manager(
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
        settle_memory()
        await run_beside(stack, process.run())
        yield process


async def _known(stack: contextlib.AsyncExitStack, reads: PostgresReads, found: Database) -> Known:
    written, vectors = bootstrap.rules(), await stack.enter_async_context(late_vectors())
    recollection = await stack.enter_async_context(recollection_at_work(
        reads, dsn=found.dsn, passwords=found.passwords, specs=written.contracts.specs, vectors=vectors,
    ))  # fmt: skip
    return Known(roster=Roster(reads=reads, clock=SystemClock()), written=written, recollection=recollection)


def manager_key(settings: Settings) -> Ed25519PrivateKey:
    """The key by which managers sign tokens for slices, and speak to the vault."""
    folder = prepare_home(settings.folder) / "clients"
    return keys.load_or_make(folder / "manager.key", keys.passphrase(folder, ""))


# ── workers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@contextlib.asynccontextmanager
async def worker(settings: Settings) -> AsyncGenerator[StreamHost]:
    """A worker process: Valkey by its own user, the gateway by slices' tokens. It has no database and no key."""
    written, line = bootstrap.rules(), line_of(settings)

    def work_with(token: str) -> Work:
        tools = GatewayTools(line, token)
        return bootstrap.worker_of(settings, written, GatewayModel(line, lambda _: token), tools).work

    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(line.close)
        valkey = await stack.enter_async_context(channel(settings, settings.worker_name))
        host = StreamHost(valkey, ValkeyBus(valkey), name=settings.worker_name, incarnation=SystemIds().new(),
                          capacity=settings.workers, work_with=work_with)  # fmt: skip
        settle_memory()
        await run_beside(stack, host.run())
        yield host


# ── the gateway ─────────────────────────────────────────────────────────────────────────────────────────────────────


@contextlib.asynccontextmanager
async def doored(settings: Settings, outside: Outside, *, found: Database) -> AsyncGenerator[Outside]:
    """The ways out with everything that reads for workers: calendar, studio, open web, tool servers."""
    async with contextlib.AsyncExitStack() as stack:
        reads = await found.reads()
        stack.push_async_callback(reads.close)
        styles = Editions(reads=reads, roster=Roster(reads=reads, clock=SystemClock()))
        dated = calendared(settings, outside.tools, outside.publisher)
        tools, publisher = await stack.enter_async_context(dated)
        drawn = await stack.enter_async_context(illustrated(settings, tools=tools, publisher=publisher, styles=styles))
        web = await stack.enter_async_context(webbed(settings, drawn.tools, reads=reads))
        tools, _ = await stack.enter_async_context(behind_door(settings, web, drawn.publisher, reads=reads))
        yield msgspec.structs.replace(outside, tools=tools)


@contextlib.asynccontextmanager
async def gateway(settings: Settings, outside: Outside) -> AsyncGenerator[str]:
    """Models and read tools for workers and managers, listening while the block runs; its address."""
    clock = SystemClock()
    public = (manager_key(settings).public_key(),)

    def tools_for(opened: SlicePass) -> ToolsRead:
        return bootstrap.guarded(settings, outside.tools, Entrusted.of(opened.secrets))

    made = WorkersGateway(
        model=outside.model, judge=outside.judge_model, tools_for=tools_for, clock=clock,
        recognise=lambda token: slices.recognised(token, keys=lambda: public, clock=clock),
    )  # fmt: skip
    host, port = address_of(settings)
    context = door_context(host, settings.gateway_certificate, settings.gateway_key)
    async with made.listening(host, port, context=context) as (at, on):
        yield f"{at}:{on}"


def line_of(settings: Settings) -> GatewayLine:
    """The way of workers and managers to the gateway."""
    host, port = address_of(settings)
    return GatewayLine(host, port, context=line_context(host, settings.gateway_certificate))


def address_of(settings: Settings) -> tuple[str, int]:
    """Host and port of the gateway for workers."""
    host, _, port = settings.gateway_address.rpartition(":")
    if not host or not port.isdecimal() or not int(port) < 65_536:
        raise Invalid("gateway_address_malformed", f"{settings.gateway_address[:80]!r} is no host:port",
                      where="CHIMERA_GATEWAY_ADDRESS", remedy="write one such as 127.0.0.1:8422")  # fmt: skip
    return host, int(port)


# ── effects ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@contextlib.asynccontextmanager
async def effects(settings: Settings, outside: Outside, *, found: Database) -> AsyncGenerator[EffectsLoop]:
    """The process with hands, acting while the block runs. One at a time: the next one fences it."""
    clock = SystemClock()
    async with contextlib.AsyncExitStack() as stack:
        valkey = await stack.enter_async_context(channel(settings, EFFECTS))
        vaults = vaults_of(settings, clock, second=bool(settings.wallets))
        stack.push_async_callback(vaults.close)
        acting = await bootstrap.entered(stack, found, Role.EFFECTS, "effects-0")
        _, dated = await stack.enter_async_context(calendared(settings, outside.tools, outside.publisher))
        carrying = await media.carrying(settings, dated)
        paid = await stack.enter_async_context(paying(settings, vaults, carrying, acting=acting, clock=clock))
        _, publisher = await stack.enter_async_context(behind_door(settings, outside.tools, paid, reads=acting))
        loop = EffectsLoop(effects=bootstrap.effects_of(settings, publisher, acting), reads=acting,
                           bus=BusClient(ValkeyBus(valkey)), clock=clock)  # fmt: skip
        await run_beside(stack, loop.run())
        yield loop
