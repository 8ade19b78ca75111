"""Export and erasure of one person in PostgreSQL, as the maintenance role. Knows no journal and no reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Mapping
from typing import Any, NamedTuple

import asyncpg
import msgspec

from chimera.adapters.postgres.install import login_of
from chimera.adapters.postgres.sealed import Sealing
from chimera.adapters.postgres.sql import query
from chimera.domain import subjects
from chimera.domain.roles import Role
from chimera.governance.privacy import person as persons
from chimera.ports.subjects import SubjectKeys


class _Kept(NamedTuple):
    """A sealed body as it lies there, whose it is, and what it says when it is opened."""

    kind: str
    id: str
    body: bytes
    name: str
    opened: bytes


class PostgresPersons:
    """One connection, opened for one request."""

    def __init__(self, connection: asyncpg.Connection, keys: SubjectKeys | None) -> None:
        self._connection = connection
        self._keys = keys
        self._sealing = Sealing(keys)

    @classmethod
    async def open(cls, dsn: str, *, password: str, keys: SubjectKeys | None = None) -> PostgresPersons:
        """Open it with the login of the maintenance role."""
        return cls(await asyncpg.connect(dsn, user=login_of(Role.MAINTENANCE), password=password), keys)

    async def handles(self) -> tuple[str, ...]:
        """Everybody who wrote what came in, or is named anywhere, as far as it can be read."""
        found = dict.fromkeys(persons.authors_of(await self._inputs()))
        found.update((row["handle"], None) for row in await self._connection.fetch(query("handles")))
        async for kept in self._sealed():
            found.update(dict.fromkeys(persons.handles_in(kept.opened.decode())))
        return tuple(found)

    async def export(self, person: str) -> tuple[Mapping[str, Any], ...]:
        """Every record in which the person stands, by kind and id."""
        words = await self._words(person)
        found = [(row["kind"], str(row["id"]), bytes(row["body"]))
                 for row in await self._connection.fetch(query("bodies_with"), list(words))]  # fmt: skip
        mine, pattern = self._name_of(person), persons.pattern_of(words)
        found += [(kept.kind, kept.id, kept.opened) async for kept in self._sealed()
                  if kept.name == mine or pattern.search(kept.opened.decode())]  # fmt: skip
        return tuple(
            {"kind": kind, "id": identifier, "record": msgspec.json.decode(self._sealing.opened(body))}
            for kind, identifier, body in sorted(found)
        )

    async def erase(self, person: str) -> Mapping[str, int]:
        """Blank the person's words everywhere; in how many records of each kind they stood.

        The key is not destroyed here: until the last record is blanked, whoever was interrupted can begin again.
        """
        words = await self._words(person)
        stood_in = Counter(str(record["kind"]) for record in await self.export(person))
        await self._connection.fetch(query("blank_words"), list(words))
        await self.drop_seals(self._name_of(person))
        await self._blank_sealed(words)
        return dict(stood_in)

    async def drop_seals(self, name: str) -> Mapping[str, int]:
        """Take the seals of a person off, which leaves blanks; needs no key. How many records of each kind."""
        if not name:
            return {}
        return {row["kind"]: row["records"] for row in await self._connection.fetch(query("drop_seals"), name)}

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.close()

    def _name_of(self, person: str) -> str:
        return self._keys.name_of(person) if self._keys else ""

    async def _blank_sealed(self, words: Iterable[str]) -> None:
        """Blank the words in what is sealed for others: whoever was quoted there is gone, they stay."""
        pattern = persons.pattern_of(words)
        if self._keys is None:
            return
        changed: list[tuple[_Kept, bytes]] = []
        async for kept in self._sealed():
            text, found = pattern.subn(subjects.ERASED, kept.opened.decode())
            if found:
                parts = subjects.split(kept.kind, text.encode()).parts
                sealed = self._keys.seal(kept.name, parts, about=kept.id)
                clear = subjects.taken_apart(kept.body).clear
                changed.append((kept, subjects.assembled(clear, name=kept.name, parts=sealed)))
        for kept, body in changed:
            await self._connection.fetchval(query("reseal"), kept.kind, kept.id, kept.body, body)

    async def _sealed(self) -> AsyncGenerator[_Kept]:
        async with self._connection.transaction(readonly=True):
            async for row in self._connection.cursor(query("sealed_bodies")):
                body = bytes(row["body"])
                name = subjects.taken_apart(body).name
                yield _Kept(row["kind"], str(row["id"]), body, name, self._sealing.opened(body))

    async def _words(self, person: str) -> tuple[str, ...]:
        return persons.words_of(person, await self._inputs())

    async def _inputs(self) -> list[bytes]:
        return [self._sealing.opened(row["body"]) for row in await self._connection.fetch(query("input_bodies"))]
