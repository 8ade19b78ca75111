"""Seals people's parts of records on their way to the database, and opens them on the way back.

What is about nobody passes as it is. The database, its logs, WAL and backups never hold a person's parts in the clear.
"""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg

from chimera.domain import subjects
from chimera.domain.change import Change
from chimera.domain.rows import Row, Written
from chimera.ports.subjects import SubjectKeys


class Sealing:
    """Has the keys; without keys it seals nothing, and shows blanks where something is sealed."""

    def __init__(self, keys: SubjectKeys | None) -> None:
        self._keys = keys

    async def sealed(self, change: Change, written: Written) -> Written:
        """The change as it is stored."""
        if self._keys is None:
            return written
        people = [subjects.subject_of(record) for record in change.records]
        if not any(people):
            return written
        rows = [row if not person else await self._row(self._keys, row, person)
                for row, person in zip(written.rows, people, strict=True)]  # fmt: skip
        return written._replace(rows=tuple(rows))

    def opened(self, body: bytes) -> bytes:
        """A body whole, or with blanks where the key is gone. Anything else as it is."""
        if not subjects.is_sealed(body):
            return body
        found = subjects.taken_apart(body)
        parts = self._keys.open(found.name, found.parts, about=found.about) if self._keys else None
        return found.clear if parts is None else subjects.joined(found.clear, parts)

    async def read_with(self, connection: asyncpg.Connection[Any]) -> None:
        """Let a connection open what it reads."""
        await connection.set_type_codec("bytea", schema="pg_catalog", encoder=bytes, decoder=self.opened,
                                        format="binary")  # fmt: skip

    async def _row(self, keys: SubjectKeys, row: Row, person: str) -> Row:
        name = keys.name_of(person)
        if keys.is_erased(name) and not (row.kind == "input" and row.version == 1):
            # Somebody still held in memory what was erased. Only who writes again is somebody again.
            return row._replace(body=subjects.split(row.kind, row.body).clear)
        if not keys.has(name):
            # Two flushes, once for each person; not on the loop's time.
            await asyncio.to_thread(keys.make, name)
        return row._replace(body=resealed(keys, name, row.kind, row.id, row.body))


def resealed(keys: SubjectKeys, name: str, kind: str, identifier: str, body: bytes) -> bytes:
    """A body with a person's parts sealed."""
    clear, parts = subjects.split(kind, body)
    return subjects.assembled(clear, name=name, parts=keys.seal(name, parts, about=identifier))
