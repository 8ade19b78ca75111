"""Servers for the tests of this folder: one of each version for the session, a fresh database for every test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from chimera.adapters.postgres.install import install
from chimera.adapters.postgres.reads import PostgresReads
from chimera.adapters.postgres.store import PostgresStore, open_reads, open_store
from chimera.domain.roles import Role
from tests.adapters.postgres.server import FOLDERS, Server

PASSWORDS = {role: f"secret-{role.value}" for role in Role}
TEMPLATE = "template_of_tests"


class Database:
    """One installed database, and what was opened on it."""

    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self.name = name
        self.patience_seconds = 20.0
        self._opened: list[PostgresReads] = []

    @property
    def admin_dsn(self) -> str:
        return self.server.dsn(self.name)

    async def open(self, writer: str, role: Role) -> PostgresStore:
        store = await open_store(
            self.admin_dsn, writer=writer, role=role, password=PASSWORDS[role], patience_seconds=self.patience_seconds
        )
        self._opened.append(store)
        return store

    async def open_reads(self, role: Role) -> PostgresReads:
        reads = await open_reads(self.admin_dsn, role=role, password=PASSWORDS[role])
        self._opened.append(reads)
        return reads

    async def connect(self, role: Role | None = None) -> asyncpg.Connection:
        """A bare connection: of the administrator, or with the login of a role."""
        if role is None:
            return await asyncpg.connect(self.admin_dsn)
        return await asyncpg.connect(self.admin_dsn, user=f"chimera_{role.value}", password=PASSWORDS[role])

    async def pass_time(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def close(self) -> None:
        await asyncio.gather(*(opened.close() for opened in self._opened))


async def make_database(server: Server, name: str, template: str) -> None:
    """A copy of a database."""
    connection = await asyncpg.connect(server.dsn())
    try:
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
    finally:
        await connection.close()


async def drop_database(server: Server, name: str) -> None:
    """The database gone, whoever is still connected."""
    connection = await asyncpg.connect(server.dsn())
    try:
        await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        await connection.close()


@pytest.fixture(scope="session", params=sorted(FOLDERS, reverse=True), ids="postgres{}".format)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server with one installed database that is copied for every test."""
    running = Server(request.param)
    running.start()
    try:
        asyncio.run(make_database(running, TEMPLATE, "template1"))
        asyncio.run(install(running.dsn(TEMPLATE), PASSWORDS))
        yield running
    finally:
        running.stop()


@pytest.fixture
async def database(server: Server, request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    """An installed, empty database of its own."""
    name = f"test_{abs(hash(request.node.nodeid)):x}"
    await make_database(server, name, TEMPLATE)
    opened = Database(server, name)
    try:
        yield opened
    finally:
        await opened.close()
        await drop_database(server, name)
