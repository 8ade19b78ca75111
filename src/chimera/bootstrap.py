"""What every process and every command begins with: the database of this home, whoever sits here, the ways out.

Starts what is embedded. With its parts in `assembly`, and `processes` above, the only place that knows all adapters.
Decides nothing about goals, drafts or money.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import TypeVar

import structlog
from msgspec import Struct

from chimera.adapters.local import people_journal
from chimera.adapters.local.home import keep_secret, prepare_home
from chimera.adapters.local.keeping import kept_postgres
from chimera.adapters.local.subject_keys import LocalSubjectKeys
from chimera.adapters.postgres.install import install
from chimera.adapters.postgres.ledger import PostgresLedger, open_ledger
from chimera.adapters.postgres.persons import PostgresPersons
from chimera.adapters.postgres.presence import PostgresPresence
from chimera.adapters.postgres.reads import PostgresReads
from chimera.adapters.postgres.replies import PostgresReplies, open_replies
from chimera.adapters.postgres.retention import PostgresWeeks
from chimera.adapters.postgres.store import PostgresStore, open_free_store, open_reads, open_store
from chimera.adapters.postgres.views import PostgresViews, open_views
from chimera.adapters.postgres.webhooks import PostgresWebhooks, open_webhooks
from chimera.adapters.system.clock import SystemClock
from chimera.assembly import joining, people
from chimera.assembly.counting import counting
from chimera.assembly.guarding import security
from chimera.assembly.minds import models
from chimera.assembly.outside import Outside
from chimera.assembly.people import Office
from chimera.domain.rhythm import Rhythm
from chimera.domain.roles import Role
from chimera.governance.privacy.consents import Consents
from chimera.governance.privacy.replay import Replay
from chimera.ports.publisher import Traits
from chimera.ports.store import Store
from chimera.ports.subjects import ConsentJournal, SubjectKeys
from chimera.rehearsal.model import OfflineModel
from chimera.rehearsal.scenario import PLATFORMS, Scenario
from chimera.rehearsal.truth import GroundTruth
from chimera.settings import Settings, read_settings
from chimera.swarm.roster import Roster

R = TypeVar("R", bound="PostgresReads | PostgresViews | PostgresPresence")
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

    async def presence(self) -> PostgresPresence:
        """Open it for asking who is at work."""
        return await PostgresPresence.open(self.dsn, role=Role.AUDITOR, password=self.passwords[Role.AUDITOR])

    async def reads(self) -> PostgresReads:
        """Open it for reading."""
        return await open_reads(self.dsn, role=Role.AUDITOR, password=self.passwords[Role.AUDITOR], keys=self.keys)


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
    async with closing(store), persons_of(found) as persons:
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
    async with closing(reads), counted as calls, McpSession(url, clock) as session, minds as (mind, judge):
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
async def closing(reads: R) -> AsyncGenerator[R]:
    """Hang up when the block is left."""
    try:
        yield reads
    finally:
        await reads.close()


async def entered(stack: contextlib.AsyncExitStack, found: Database, role: Role, writer: str) -> PostgresStore:
    """The store for one writer, until the stack is left."""
    store = await found.store(role, writer=writer)
    stack.push_async_callback(store.close)
    return store
