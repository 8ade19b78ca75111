"""Export and erasure of one person in PostgreSQL, as the maintenance role. Knows no journal and no reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import asyncpg
import msgspec

from chimera.adapters.postgres.install import login_of
from chimera.adapters.postgres.sql import query
from chimera.domain.roles import Role
from chimera.governance.privacy import person as persons


class PostgresPersons:
    """One connection, opened for one request."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    @classmethod
    async def open(cls, dsn: str, *, password: str) -> PostgresPersons:
        """Open it with the login of the maintenance role."""
        return cls(await asyncpg.connect(dsn, user=login_of(Role.MAINTENANCE), password=password))

    async def authors(self) -> tuple[str, ...]:
        """Everybody who wrote what came in."""
        return tuple(persons.authors_of(await self._inputs()))

    async def export(self, person: str) -> tuple[Mapping[str, Any], ...]:
        """Every record in which the person stands, by kind and id."""
        found = await self._connection.fetch(query("bodies_with"), list(await self._words(person)))
        return tuple(
            {"kind": row["kind"], "id": str(row["id"]), "record": msgspec.json.decode(row["body"])} for row in found
        )

    async def erase(self, person: str) -> Mapping[str, int]:
        """Blank the person's words everywhere; how many records of each kind have a blank now."""
        blanked = await self._connection.fetch(query("blank_words"), list(await self._words(person)))
        return {row["kind"]: row["records"] for row in blanked}

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.close()

    async def _words(self, person: str) -> tuple[str, ...]:
        return persons.words_of(person, await self._inputs())

    async def _inputs(self) -> list[bytes]:
        return [row["body"] for row in await self._connection.fetch(query("input_bodies"))]
