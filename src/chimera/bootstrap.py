"""Assembles the house: reads settings, starts what is embedded, gives every part exactly what its constructor asks for.

With its parts in `assembly`, the only place that knows all adapters. Decides nothing about goals, drafts or money.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TypeVar

import msgspec
import structlog
from msgspec import Struct

from chimera.adapters.documents.governance import load_lexicon, load_pack
from chimera.adapters.documents.specs import load_prompts, load_specs
from chimera.adapters.guarded.tools_read import GuardedToolsRead
from chimera.adapters.local import people_journal
from chimera.adapters.local.home import keep_secret, prepare_home
from chimera.adapters.local.keeping import kept_postgres
from chimera.adapters.local.subject_keys import LocalSubjectKeys
from chimera.adapters.postgres.install import install
from chimera.adapters.postgres.ledger import PostgresLedger, open_ledger
from chimera.adapters.postgres.persons import PostgresPersons
from chimera.adapters.postgres.reads import PostgresReads
from chimera.adapters.postgres.replies import PostgresReplies, open_replies
from chimera.adapters.postgres.retention import PostgresWeeks
from chimera.adapters.postgres.store import PostgresStore, open_free_store, open_reads, open_store
from chimera.adapters.postgres.views import PostgresViews, open_views
from chimera.adapters.postgres.webhooks import PostgresWebhooks, open_webhooks
from chimera.adapters.system.clock import SystemClock, SystemIds
from chimera.adapters.system.collector import settle_memory
from chimera.assembly import joining, people, serving
from chimera.assembly import tools as tools_part
from chimera.assembly.alone import be_alone
from chimera.assembly.calendar import calendared
from chimera.assembly.counting import counting
from chimera.assembly.media import illustrated
from chimera.assembly.minds import Minded, choosing, memory_at_work, models
from chimera.assembly.money import paying
from chimera.assembly.orchestrating import Upkeep, inlets_of, top_tier
from chimera.assembly.people import Office
from chimera.assembly.running import last_checkpoint, run_beside
from chimera.assembly.vaults import seal_verifier, vault
from chimera.assembly.web import webbed
from chimera.domain.costing import read_fees, read_prices
from chimera.domain.errors import Unavailable
from chimera.domain.prompt import Prompt
from chimera.domain.rhythm import STEADY, Rhythm
from chimera.domain.roles import Role
from chimera.domain.spec import Spec
from chimera.governance.answers import Tally
from chimera.governance.cfo import CFOAgent
from chimera.governance.contracts import Contracts
from chimera.governance.egress import Egress
from chimera.governance.entrusted import Entrusted
from chimera.governance.gate import Gate
from chimera.governance.halts import Halts
from chimera.governance.plan_costs import PlanCosts
from chimera.governance.policy.engine import PolicyEngine
from chimera.governance.policy.pack import PolicyPack
from chimera.governance.privacy.consents import Consents
from chimera.governance.privacy.replay import Replay
from chimera.governance.reviews import Reviews
from chimera.governance.safety.gateway import SafetyGateway
from chimera.governance.safety.relations import Manifests, NoManifests
from chimera.governance.security.cached import CachedScanner
from chimera.governance.security.gateway import SecurityGateway
from chimera.governance.security.scan import shipped_scanner
from chimera.governance.treasury import Treasury
from chimera.pipeline.effects import Effects
from chimera.pipeline.intake import Intake
from chimera.pipeline.judge import Judge
from chimera.pipeline.planner import Planner
from chimera.pipeline.sealing import Sealing
from chimera.pipeline.settling.settle import Settle
from chimera.pipeline.worker import Worker
from chimera.ports.clock import Clock
from chimera.ports.dispatch import Dispatch
from chimera.ports.meter import Meter, NoMeter
from chimera.ports.model import Model
from chimera.ports.publisher import Publisher, Traits
from chimera.ports.sealer import Sealer
from chimera.ports.store import Store
from chimera.ports.subjects import ConsentJournal, SubjectKeys
from chimera.ports.tools_read import ToolsRead
from chimera.rehearsal.model import OfflineModel
from chimera.rehearsal.scenario import PLATFORMS, Scenario
from chimera.rehearsal.truth import GroundTruth
from chimera.settings import Settings, read_settings
from chimera.skills.registry import SKILLS
from chimera.swarm.court import Court
from chimera.swarm.editions import Editions
from chimera.swarm.listening import Listening
from chimera.swarm.manager import ALL_SHARDS, Manager, Stages
from chimera.swarm.performing import Acting
from chimera.swarm.pool import Pool
from chimera.swarm.roster import Roster

R = TypeVar("R", bound="PostgresReads | PostgresViews")
_log = structlog.get_logger("chimera")
LOGINS = tuple(Role)


class Database(Struct, frozen=True, kw_only=True):
    """Where the truth is, and the password of each role."""

    dsn: str
    passwords: Mapping[Role, str]
    keys: SubjectKeys
    journal: ConsentJournal
    admin_dsn: str = ""

    async def store(self, role: Role, *, writer: str) -> PostgresStore:
        """Open it for one writer."""
        return await open_store(self.dsn, writer=writer, role=role, password=self.passwords[role], keys=self.keys)

    async def free_store(self, name: str) -> PostgresStore:
        """Open it in the office's role for whichever writer of this name is free: commands given at once."""
        return await open_free_store(self.dsn, name=name, role=Role.OFFICE, password=self.passwords[Role.OFFICE],
                                     keys=self.keys)  # fmt: skip

    def consents(self, store: Store) -> Consents:
        """What people have said about uses of their data, asked and noted through this store."""
        return Consents(store=store, keys=self.keys, journal=self.journal)

    async def views(self) -> PostgresViews:
        """Open it for screens."""
        return await open_views(self.dsn, role=Role.AUDITOR, password=self.passwords[Role.AUDITOR], keys=self.keys)

    async def ledger(self) -> PostgresLedger:
        """Open it for reading, the ledger too."""
        return await open_ledger(self.dsn, role=Role.AUDITOR, password=self.passwords[Role.AUDITOR], keys=self.keys)

    async def replies(self) -> PostgresReplies:
        """Open it for answers by idempotency key."""
        return await open_replies(self.dsn, password=self.passwords[Role.OFFICE])

    async def webhooks(self) -> PostgresWebhooks:
        """Open it for telling webhooks."""
        return await open_webhooks(self.dsn, password=self.passwords[Role.OFFICE])

    def weeks(self) -> PostgresWeeks:
        """The maintenance role's hands on whole weeks of records."""
        return PostgresWeeks(self.dsn, password=self.passwords[Role.MAINTENANCE])

    async def reads(self) -> PostgresReads:
        """Open it for reading."""
        return await open_reads(self.dsn, role=Role.AUDITOR, password=self.passwords[Role.AUDITOR], keys=self.keys)


class Rules(Struct, frozen=True, kw_only=True):
    """What is written in files and read once: contracts, prompts, policy."""

    contracts: Contracts
    prompts: Mapping[str, Prompt]
    pack: PolicyPack
    gate: Gate
    tally: Tally

    def for_another(self) -> Rules:
        """The same for another manager of this process: reading the files anew would keep its shards waiting.

        What a gate remembers and a tally counts belongs to one manager.
        """
        return msgspec.structs.replace(self, gate=_gate(self.pack, self.contracts.specs), tally=Tally())


class Minds(Struct, frozen=True, kw_only=True):
    """What the house thinks with, who reads off how long that takes, and how long a day is where it publishes."""

    model: Model
    judge_model: Model
    meter: Meter = NoMeter()
    rhythm: Rhythm = STEADY


class Outside(Minds, frozen=True, kw_only=True):
    """The ways out of the house: the model's, the tools' and the publisher's."""

    tools: ToolsRead
    publisher: Publisher


class Parts(Struct, frozen=True, kw_only=True):
    """What a manager is given beside its minds: its store, and whoever seals, acts, works and is asked for it."""

    store: Store
    sealer: Sealer
    effects: Acting
    cfo: CFOAgent
    minded: Minded
    entrusted: Entrusted
    dispatch: Dispatch
    manifests: Manifests = NoManifests()
    # What is known of the fleet, where several managers of one process share it.
    roster: Roster | None = None


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


def packages_folder() -> Path:
    """The agent packages that come with Chimera: in the wheel, or beside the source."""
    inside = Path(__file__).parent / "agents"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "agents"


# ── the database ────────────────────────────────────────────────────────────────────────────────────────────────────


@contextlib.asynccontextmanager
async def database(settings: Settings) -> AsyncGenerator[Database]:
    """The truth, ready for this version: a real server by its address, or the embedded one under our home."""
    home = prepare_home(settings.folder)
    joining.withdraw(home)
    if settings.database_url:
        external = database_at(settings.database_url, home, admin_dsn=settings.database_url)
        await install(settings.database_url, external.passwords)
        await _catch_up(home, external)
        async with joining.announced(home, ""):
            yield external
        return
    async with kept_postgres(home) as kept:
        embedded = database_at(kept.running.dsn("nobody", "none"), home, admin_dsn=kept.running.superuser_dsn)
        await install(embedded.admin_dsn, embedded.passwords)
        await _catch_up(home, embedded)
        async with joining.announced(home, embedded.dsn):
            yield embedded


@contextlib.asynccontextmanager
async def running_or_own_database(settings: Settings, *, lasting: bool = False) -> AsyncGenerator[Database]:
    """The database of whoever runs on this home; if nobody does, our own for as long as the command takes.

    Whoever runs waits for commands to end before it stops its database; not for those that say that they are lasting.
    """
    async with joining.held_or_joined(settings.folder, lasting=lasting) as joined:
        if joined is not None:
            yield database_at(joined.dsn or settings.database_url, prepare_home(settings.folder))
            return
        async with database(settings) as own:
            yield own


def database_at(dsn: str, home: Path, *, admin_dsn: str = "") -> Database:
    passwords = {role: keep_secret(home, f"database-{role.value}") for role in LOGINS}
    return Database(dsn=dsn, passwords=passwords, keys=LocalSubjectKeys(home, clock=SystemClock()),
                    journal=people_journal.consents(home), admin_dsn=admin_dsn)  # fmt: skip


@contextlib.asynccontextmanager
async def office_store() -> AsyncGenerator[Store]:
    """The store for one command of the command line, under a writer of its own."""
    async with running_or_own_database(read_settings()) as found:
        store = await found.free_store("cli")
        try:
            yield store
        finally:
            await store.close()


# ── people ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def _catch_up(home: Path, found: Database) -> None:
    """What people said and who was erased, into this database: it may be a backup from before that."""
    erased = {entry.person: entry.at_us for entry in people_journal.erasures(home).entries()}
    if not erased and next(found.journal.entries(), None) is None:
        return
    store = await found.free_store("persons")
    async with _closing(store), persons_of(found) as persons:
        await found.consents(store).hear_again()
        await Replay(store=store, persons=persons, keys=found.keys).once(erased)


@contextlib.asynccontextmanager
async def persons_of(found: Database) -> AsyncGenerator[PostgresPersons]:
    """The maintenance role's hands on whatever stands about people."""
    persons = await PostgresPersons.open(found.dsn, password=found.passwords[Role.MAINTENANCE], keys=found.keys)
    try:
        yield persons
    finally:
        await persons.close()


@contextlib.asynccontextmanager
async def office() -> AsyncGenerator[Office]:
    """The office for one command, in the name of whoever is recognised here."""
    async with office_store() as store:
        yield await people.office_of(read_settings(), store)


async def somebody_here(settings: Settings, found: Database) -> str:
    """Who sits here, in words. On a home without people, whoever starts it becomes its owner."""
    store = await found.free_store("cli")
    try:
        return await people.somebody_here(settings, store)
    finally:
        await store.close()


# ── the fleet ───────────────────────────────────────────────────────────────────────────────────────────────────────


def rules(pack: PolicyPack | None = None) -> Rules:
    """Everything that is written in files; under another policy than the one in them, if one is given."""
    specs = load_specs()
    pack = pack or load_pack()
    return Rules(contracts=Contracts(specs), prompts=load_prompts(), pack=pack, gate=_gate(pack, specs), tally=Tally())


def _gate(pack: PolicyPack, specs: Mapping[str, Spec]) -> Gate:
    return Gate(policy=PolicyEngine(pack), safety=SafetyGateway(load_lexicon()), specs=specs)


@contextlib.asynccontextmanager
async def sandbox_outside(
    url: str, scenario: Scenario, *, found: Database, truth: GroundTruth | None = None
) -> AsyncGenerator[Outside]:
    """The ways out in a rehearsal: the simulated network over MCP, and the offline model. No keys needed."""
    # Imported when used: the MCP library takes longer to load than all the rest.
    from chimera.adapters.mcp.publisher import McpPublisher, Route
    from chimera.adapters.mcp.session import McpSession
    from chimera.adapters.mcp.tools_read import McpToolsRead

    clock, reads = SystemClock(), await found.reads()
    # Whoever judges does not judge his own work: the judge's is another model than the worker's.
    offline = [OfflineModel(seed=scenario.seed + add, manners=scenario.manners, clock=clock, truth=truth)
               for add in (0, 1)]  # fmt: skip
    settings, roster = read_settings(), Roster(reads=reads, clock=clock)
    minds = models(settings, *offline, reads=reads)
    counted = counting(settings, roster, dsn=found.dsn, passwords=found.passwords)
    async with _closing(reads), counted as calls, McpSession(url, clock) as session, minds as (mind, judge):
        network = scenario.rules
        traits = Traits(deduplicates=network.deduplicates, looks_up=network.looks_up,
                        settling_seconds=network.settling_seconds)  # fmt: skip
        yield Outside(
            model=mind,
            judge_model=judge,
            tools=McpToolsRead({"sandbox": session}, may_use=roster.may_use, security=security(), calls=calls),
            publisher=McpPublisher({name: Route(session=session, traits=traits) for name in PLATFORMS}, clock),
            rhythm=Rhythm(tempo=scenario.tempo),
        )  # fmt: skip


@contextlib.asynccontextmanager
async def _closing(reads: R) -> AsyncGenerator[R]:
    try:
        yield reads
    finally:
        await reads.close()


@cache
def security() -> SecurityGateway:
    """One for all ways in: a text that was looked at on one of them is known on the next."""
    return SecurityGateway(CachedScanner(shipped_scanner()))


@contextlib.asynccontextmanager
async def fleet(settings: Settings, outside: Outside, *, found: Database) -> AsyncGenerator[Fleet]:
    """Everything of one machine, running: manager, orchestrator, effects, with the vault as a process of its own."""
    async with contextlib.AsyncExitStack() as stack:
        calendar = calendared(settings, outside.tools, outside.publisher)
        tools, publisher = await stack.enter_async_context(calendar)
        clock, written = SystemClock(), rules()
        reads = await stack.enter_async_context(_closing(await found.reads()))
        styles = Editions(reads=reads, roster=Roster(reads=reads, clock=clock))
        drawn = await stack.enter_async_context(illustrated(settings, tools=tools, publisher=publisher, styles=styles))
        vaults = await stack.enter_async_context(vault(settings, written.pack.digest, clock))
        office = await entered(stack, found, Role.OFFICE, "office")
        await be_alone(stack, settings, dsn=found.dsn, passwords=found.passwords)
        managing = await entered(stack, found, Role.MANAGER, "manager-0")
        acting = await entered(stack, found, Role.EFFECTS, "effects-0")
        paid = paying(settings, vaults, drawn.publisher, acting=acting, clock=clock)
        web = await stack.enter_async_context(webbed(settings, drawn.tools, reads=reads))
        doored = tools_part.behind_door(settings, web, await stack.enter_async_context(paid), reads=reads)
        tools, publisher = await stack.enter_async_context(doored)
        outside = msgspec.structs.replace(outside, tools=tools, publisher=publisher)
        ledger = await stack.enter_async_context(_closing(await found.ledger()))
        cfo = CFOAgent(reads=managing, outcomes=ledger, attestor=vaults.manager, treasury=Treasury(zone=settings.zone),
                       clock=clock)  # fmt: skip
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
        intake = Intake(security=security(), store=office, clock=clock, ids=SystemIds(),
                        consents=found.consents(office), told=manager.told)  # fmt: skip
        inlets = inlets_of(intake, office, reads=reads, tools=outside.tools, consents=found.consents(office),
                           rhythm=outside.rhythm)  # fmt: skip
        top = top_tier(settings, office, reads=reads, vaults=vaults, bands=written.pack.bands, arrived=manager.arrived,
                       inlets=inlets, upkeep=Upkeep(weeks=found.weeks(), remembrance=minded.remembrance))  # fmt: skip
        # Entered before manager and orchestrator run: it happens after both have stopped.
        stack.push_async_callback(last_checkpoint, top.checkpoints)
        # The vault takes everything for halted until it is told. If it is away now, the orchestrator tells it later.
        with contextlib.suppress(Unavailable):
            await top.governor.once()
            await vaults.halt(await reads.halted())
        settle_memory()
        await run_beside(stack, manager.run(), top.orchestrator.run())
        yield Fleet(clock=clock, office=office, reads=reads, intake=intake, reviews=top.reviews, manager=manager,
                    halts=top.halts, listening=inlets.listening, tally=written.tally)  # fmt: skip


async def entered(stack: contextlib.AsyncExitStack, found: Database, role: Role, writer: str) -> PostgresStore:
    store = await found.store(role, writer=writer)
    stack.push_async_callback(store.close)
    return store


def worker_of(settings: Settings, written: Rules, model: Model, tools: ToolsRead) -> Worker:
    """A worker with these ways out, and no other."""
    return Worker(model=model, tools=choosing(settings, tools), skills=SKILLS, prompts=written.prompts,
                  contracts=written.contracts, clock=SystemClock(), tally=written.tally,
                  chooses=bool(settings.reward_model))  # fmt: skip


def effects_of(settings: Settings, publisher: Publisher, acting: Store) -> Effects:
    """The stage with hands, over the store of its own role."""
    return Effects(store=acting, publisher=publisher, seals=seal_verifier(settings), clock=SystemClock())


def manager_of(
    settings: Settings, written: Rules, minds: Minds, parts: Parts, *, shards: Sequence[int] = ALL_SHARDS
) -> Manager:
    """A manager of these shards, over these parts."""
    clock, ids = SystemClock(), SystemIds()
    stages = Stages(
        planner=Planner(model=minds.model, contracts=written.contracts, prompt=written.prompts["plan"],
                        store=parts.store, clock=clock, ids=ids, consents=parts.minded.consents,
                        costs=PlanCosts(store=parts.store, treasury=Treasury(zone=settings.zone), clock=clock, ids=ids,
                                        models_cost=settings.calls_cost)),
        court=court(settings, written, minds, parts),
        settle=Settle(store=parts.store, clock=clock),
        sealing=Sealing(sealer=parts.sealer, store=parts.store, clock=clock, ids=ids),
        effects=parts.effects, roster=parts.roster, rhythm=minds.rhythm,
    )  # fmt: skip
    return Manager(stages=stages, store=parts.store, dispatch=parts.dispatch, clock=clock, entrusted=parts.entrusted,
                   shards=shards, recollection=parts.minded.recollection)  # fmt: skip


def guarded(settings: Settings, tools: ToolsRead, entrusted: Entrusted) -> GuardedToolsRead:
    """The read tools as workers get them: hosts by the fleet's list, answers looked at before they are read."""
    egress = Egress(settings.read_hosts.split(","))
    return GuardedToolsRead(tools, security=security(), egress=egress, entrusted=entrusted,
                            secret_tools=settings.secret_tools.split(","),
                            prices=read_prices(settings.tool_prices))  # fmt: skip


def court(settings: Settings, written: Rules, minds: Minds, parts: Parts) -> Court:
    judge = Judge(model=minds.judge_model, contracts=written.contracts, prompt=written.prompts["judge"],
                  tally=written.tally)  # fmt: skip
    return Court(judge=judge, gate=written.gate, treasury=Treasury(zone=settings.zone), contracts=written.contracts,
                 clock=SystemClock(), meter=minds.meter, cfo=parts.cfo, manifests=parts.manifests,
                 models_cost=settings.calls_cost, fees=read_fees(settings.platform_fees),
                 tool_acts=tools_part.tool_acts(settings, parts.store), writes_anew=settings.writes_anew)  # fmt: skip


# ── the API ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@contextlib.asynccontextmanager
async def own_api(settings: Settings) -> AsyncGenerator[serving.Api]:
    """The API as a process of its own, beside the fleet of this home or without one."""
    async with running_or_own_database(settings, lasting=True) as found, contextlib.AsyncExitStack() as stack:
        office = await entered(stack, found, Role.OFFICE, "api")
        intake = Intake(security=security(), store=office, clock=SystemClock(), ids=SystemIds(),
                        consents=found.consents(office))  # fmt: skip
        yield await stack.enter_async_context(serving.api(settings, found=found, office=office, intake=intake))


def api_document() -> bytes:
    """The API's description of itself, as it is committed."""
    from chimera.api import assembly

    return assembly.document()
