"""A real database with a small fleet's records in it, and the API over it: in this process, or on a port."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import asyncpg
import httpx
import pytest
from msgspec.structs import replace

from chimera.adapters.documents.governance import load_files, load_pack, load_permits
from chimera.adapters.documents.weeks import shipped_week
from chimera.adapters.local.postgres import PostgresSettings, start_postgres
from chimera.adapters.mcp.fleet.entries import Entry, Secrets
from chimera.adapters.mcp.fleet.fleet import ToolFleet
from chimera.adapters.postgres.install import install
from chimera.adapters.postgres.reads import PostgresReads
from chimera.adapters.postgres.replies import PostgresReplies, open_replies
from chimera.adapters.postgres.store import PostgresStore, open_store
from chimera.adapters.postgres.views import PostgresViews, open_views
from chimera.adapters.postgres.webhooks import PostgresWebhooks, open_webhooks
from chimera.adapters.system.clock import SystemClock, SystemIds
from chimera.adapters.system.secrecy import SystemSecrecy
from chimera.adapters.webhooks.poster import WebhookPoster
from chimera.api import assembly
from chimera.api.app import served
from chimera.api.assembly import Built, Given
from chimera.api.guard import COOKIE, CSRF_HEADER, csrf_of
from chimera.assembly import tools
from chimera.assembly.serving import read_package_files
from chimera.domain.durations import HOUR_US
from chimera.domain.person import EVERYTHING, Principal, person_id
from chimera.domain.roles import Role
from chimera.governance.egress import Egress
from chimera.governance.identity.desk import IdentityDesk
from chimera.governance.identity.registry import Joining
from chimera.governance.reviews import Reviews
from chimera.governance.security.cached import CachedScanner
from chimera.governance.security.gateway import SecurityGateway
from chimera.governance.security.scan import shipped_scanner
from chimera.pipeline.intake import Intake
from chimera.ports.network import KnownNetwork
from chimera.ports.toolbox import ToolServers
from chimera.ports.vouching import Vouching
from chimera.rehearsal.habits import Habits
from chimera.rehearsal.lives import rehearse
from chimera.rehearsal.scorecards import Rehearsals
from chimera.rehearsal.week import Outcome, Week
from tests.api.samples import Samples, filled
from tests.folders import folder_in_memory

HERE = "127.0.0.1"
PASSWORDS = {role: f"secret-{role.value}" for role in Role}
TEMPLATE = "template_of_api_tests"


@contextlib.asynccontextmanager
async def odd_servers() -> AsyncGenerator[ToolServers]:
    """Three tool servers: a good one, one whose tool gives orders, and one that ends at once."""
    modes = {"good": "good", "evil": "orders-in-description", "dead": "exits"}
    entries = tuple(Entry(name=name, command=sys.executable, args=("-m", "chimera.bench.odd_server", mode))
                    for name, mode in modes.items())  # fmt: skip
    async with ToolFleet(entries, clock=SystemClock(), secrets=Secrets(Path("/none"))) as fleet:
        yield fleet


def a_day_of(name: str) -> Week:
    """A shipped scenario, in small: a day before two crowds of five hundred."""
    return replace(shipped_week(name), days=1, seeds=(1, 2), habits=Habits(people=500))


async def lived_here(week: Week) -> tuple[Outcome, ...]:
    """In this process; that it has one of its own is for another test."""
    return rehearse(week)


class World:
    """What a test can reach: the database by roles, the records that are in it, the application."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.clock = SystemClock()
        self.permits = load_permits()
        self.secrecy = SystemSecrecy(key="tests")
        self.poster = WebhookPoster(own=Egress(("localhost",)))
        self.provider: Vouching | None = None
        self.desk: IdentityDesk
        self.replies: PostgresReplies
        self.webhooks: PostgresWebhooks
        self.owner: Principal
        self.samples: Samples
        self.views: PostgresViews
        self.office: PostgresStore
        self.built: Built
        self._opened: list[PostgresReads | PostgresStore] = []

    async def open(self) -> None:
        self.views = await open_views(self.dsn, role=Role.AUDITOR, password=PASSWORDS[Role.AUDITOR])
        self.office = await self.store(Role.OFFICE, "office")
        self._opened.append(self.views)
        self.replies = await open_replies(self.dsn, password=PASSWORDS[Role.OFFICE])
        self.webhooks = await open_webhooks(self.dsn, password=PASSWORDS[Role.OFFICE])
        self._opened += [self.replies, self.webhooks]
        self.desk = IdentityDesk(store=self.office, clock=self.clock, ids=SystemIds(), permits=self.permits,
                                 secrecy=self.secrecy)  # fmt: skip
        made = await self.desk.local_owner("owner")
        assert made is not None
        self.owner = made[0]
        self.built = assembly.built(self.given())

    async def store(self, role: Role, writer: str) -> PostgresStore:
        store = await open_store(self.dsn, writer=writer, role=role, password=PASSWORDS[role])
        self._opened.append(store)
        return store

    def given(self, console: Path = Path("nowhere")) -> Given:
        security = SecurityGateway(CachedScanner(shipped_scanner()))
        return Given(
            views=self.views, office=self.office, desk=self.desk, provider=self.provider, permits=self.permits,
            clock=self.clock, ids=SystemIds(),
            reviews=Reviews(store=self.office, permits=self.permits, bands=load_pack().bands),
            intake=Intake(security=security, store=self.office, clock=self.clock, ids=SystemIds()),
            zone=ZoneInfo("UTC"), shipped=load_files(),
            read_package=read_package_files, pins=tools.pins_desk(self.office), tool_servers=odd_servers,
            security=security, console=console, card=console / "card.json",
            replies=self.replies, webhooks=self.webhooks,
            poster=self.poster, secrecy=self.secrecy,
            rehearsals=Rehearsals(store=self.office, read=a_day_of, live=lived_here),
            networks=lambda: {"sandbox": KnownNetwork(kind="sandbox", exercised=True)},
        )  # fmt: skip

    @contextlib.asynccontextmanager
    async def client(
        self, role: str = "owner", *, name: str = "", by_token: bool = False, within: tuple[str, ...] = ()
    ) -> AsyncGenerator[httpx.AsyncClient]:
        """A browser's client: logged in with a role by cookie, or by a token; nobody for an empty role."""
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=self.app(), raise_app_exceptions=False),
                                     base_url="http://localhost") as client:  # fmt: skip
            if role:
                secret = await self.secret_of(name or role, role, by_token=by_token, within=within)
                if by_token:
                    client.headers["authorization"] = f"Bearer {secret}"
                else:
                    client.cookies.set(COOKIE, secret)
                    client.headers[CSRF_HEADER] = csrf_of(secret)
            yield client

    async def secret_of(self, name: str, role: str, *, by_token: bool = False, within: tuple[str, ...] = ()) -> str:
        """A session or a token of somebody with this role, who is added if nobody has the name yet."""
        if not any(one.name == name for one in await self.desk.registry.people(self.owner)):
            await self.desk.add_person(self.owner, Joining(name=name, roles=(role,), within=within))
        known = Principal(person=person_id(name), name=name, roles=frozenset((role,)), within=frozenset(within))
        if by_token:
            until_us = self.clock.now_us() + HOUR_US
            return (await self.desk.issue_token(known, "tests", (EVERYTHING,), until_us))[1]
        return (await self.desk.redeem(self.desk.entrance(known), HERE))[1]

    def app(self):
        return served(self.built.app, hosts=("localhost", "127.0.0.1"), clock=self.clock,
                      answered=self.built.measures.answered)  # fmt: skip

    def rebuilt(self) -> httpx.AsyncClient:
        """A client of another process of the API over the same database."""
        self.built = assembly.built(self.given())
        return httpx.AsyncClient(transport=httpx.ASGITransport(app=self.app(), raise_app_exceptions=False),
                                 base_url="http://localhost")  # fmt: skip

    async def close(self) -> None:
        for opened in self._opened:
            await opened.close()
        await self.poster.__aexit__(None, None, None)


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """A PostgreSQL of our own with one database that holds the samples; tests get copies."""
    folder = folder_in_memory("chimera-api-")

    async def start():
        # Nothing here pulls the plug: what is written need not reach the disk.
        server = await start_postgres(folder, settings=PostgresSettings(durable=False))
        await make(server.superuser_dsn, TEMPLATE, "template1")
        await install(_in(server.superuser_dsn, TEMPLATE), PASSWORDS)
        return server

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(start())
    try:
        yield server.superuser_dsn
    finally:
        loop.run_until_complete(server.stop())
        loop.close()
        shutil.rmtree(folder, ignore_errors=True)


async def make(dsn: str, name: str, template: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
    finally:
        await connection.close()


def _in(dsn: str, database: str) -> str:
    head, _, query = dsn.partition("?")
    return f"{head.rpartition('/')[0]}/{database}" + (f"?{query}" if query else "")


@pytest.fixture
async def world(cluster: str, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """A database of the test's own with the samples, and the API over it."""
    name = f"api_{abs(hash(request.node.nodeid)):x}"
    await make(cluster, name, TEMPLATE)
    opened = World(_in(cluster, name))
    try:
        await opened.open()
        opened.samples = await filled(opened.office, await opened.store(Role.MANAGER, "manager-0"))
        yield opened
    finally:
        await opened.close()
