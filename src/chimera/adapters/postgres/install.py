"""Prepares a database: roles, tables, functions, rules, seeds. Idempotent. Nothing else here needs an administrator.

Migrations are numbered files, run once each in two phases: `pre` before new code starts (adds), `post` when no old code
runs any more (removes). See ADR-017.
"""

from __future__ import annotations

from collections.abc import Mapping

import asyncpg
import msgspec

from chimera.adapters.postgres.asking import asked
from chimera.adapters.postgres.passwords import verifier_of
from chimera.adapters.postgres.sql import migrations, query
from chimera.domain.canonical import sha256_hex
from chimera.domain.caps import FLEET_CAPS
from chimera.domain.errors import Conflict, Invalid
from chimera.domain.retention import WEEKS_AHEAD
from chimera.domain.roles import CLAIMS, COUNTS_CALLS, MAY_READ, MOVES_MONEY, WRITES, Role, rules

PHASES = ("pre", "post")


def login_of(role: Role) -> str:
    """The login role in the database."""
    return f"chimera_{role.value}"


async def install(superuser_dsn: str, passwords: Mapping[Role, str], *, phases: tuple[str, ...] = PHASES) -> None:
    """Make the database ready for this version. Roles that get no password keep theirs, or cannot log in by one."""
    connection = await _connected(superuser_dsn)
    try:
        await connection.execute(query("lock_install"))
        await connection.execute(query("create_roles"))
        await connection.execute(query("create_schema"))
        for phase in phases:
            await _migrate(connection, phase)
        async with connection.transaction():
            await connection.execute(query("prepare_vectors"))
        await _write_rules(connection)
        await _set_passwords(connection, passwords)
        await connection.execute(query("make_partitions"), WEEKS_AHEAD)
    finally:
        await connection.close()


async def _connected(dsn: str) -> asyncpg.Connection:
    """The first thing that most commands do: a server that is away, or an address that is wrong, is said as such."""
    try:
        return await asked(lambda: asyncpg.connect(dsn), what="the database")
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError, ValueError) as error:
        raise Invalid(
            "database_url_wrong", f"the database lets nobody in by this address: {error}"[:300],
            where="CHIMERA_DATABASE_URL", remedy="look at its user, password and database",
        ) from error  # fmt: skip


async def _migrate(connection: asyncpg.Connection, phase: str) -> None:
    applied = {row["name"]: row["digest"] for row in await connection.fetch(query("applied_migrations"))}
    for name, text in migrations(phase):
        digest = sha256_hex(text.encode())
        if name not in applied:
            async with connection.transaction():
                await connection.execute(query("become_owner"))
                await connection.execute(text)
                await connection.execute(query("record_migration"), name, digest)
        elif applied[name] != digest:
            raise Conflict(
                "migration_changed",
                f"{name} was applied with another text",
                where=name,
                remedy="never edit an applied migration; add the next number",
            )


async def _write_rules(connection: asyncpg.Connection) -> None:
    async with connection.transaction():
        await connection.execute(query("become_owner"))
        await connection.execute(query("clear_rules"))
        await connection.executemany(query("add_write_rule"), list(rules()))
        rights = [(WRITES, "commit"), (CLAIMS, "claim"), (MOVES_MONEY, "move"), (COUNTS_CALLS, "count")]
        await connection.executemany(
            query("add_right"), [(role.value, right) for roles, right in rights for role in sorted(roles)]
        )
        for role, kinds in MAY_READ.items():
            for kind in sorted(kinds):
                await connection.execute(await connection.fetchval(query("read_statement"), kind, login_of(role)))
        for cap in FLEET_CAPS:
            await connection.execute(query("seed_cap"), cap.id, msgspec.json.encode(cap), cap.key, cap.micros)


async def _set_passwords(connection: asyncpg.Connection, passwords: Mapping[Role, str]) -> None:
    for role, password in passwords.items():
        statement = await connection.fetchval(query("password_statement"), login_of(role), verifier_of(password))
        await connection.execute(statement)
