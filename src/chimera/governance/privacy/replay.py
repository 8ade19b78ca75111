"""Compares the erasure journal with the database, which may come from a backup, and erases again who is still there.

Knows keyed hashes of people, never a handle that is not in the data. A database that was there at the erasure has it in
its own history, and is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from chimera.domain.change import Change
from chimera.domain.event import Event, EventKind
from chimera.ports.store import LIST_MAX, Store
from chimera.ports.subjects import SubjectKeys


class Persons(Protocol):
    """What an erasure needs of the database."""

    async def handles(self) -> tuple[str, ...]:
        """Everybody who wrote what came in, or is named anywhere, as far as it can be read."""
        ...

    async def erase(self, person: str) -> Mapping[str, int]:
        """Blank the person's words everywhere."""
        ...

    async def drop_seals(self, name: str) -> Mapping[str, int]:
        """Take the seals of a person off, which leaves blanks."""
        ...


class Replay:
    """Writes to the chain of the commands about people, as they do."""

    def __init__(self, *, store: Store, persons: Persons, keys: SubjectKeys) -> None:
        self._store = store
        self._persons = persons
        self._keys = keys

    async def once(self, erased: Mapping[str, int]) -> int:
        """Erase again whoever was erased, at the time given, from a database that does not know it. How many."""
        known = await self._known()
        # A home from a backup may have brought a key back.
        pending = {name: at_us for name, at_us in erased.items()
                   if known.get(name, 0) < at_us or 0 < self._keys.made_us(name) <= at_us}  # fmt: skip
        if pending:
            await self._erase(pending)
        return len(pending)

    async def _erase(self, pending: Mapping[str, int]) -> None:
        for handle in await self._persons.handles():
            name = self._keys.name_of(handle)
            # A younger key belongs to somebody who has written again since: those words stay.
            if name in pending and self._keys.made_us(name) <= pending[name]:
                await self._persons.erase(handle)
        for name, at_us in pending.items():
            self._keys.destroy(name, made_until_us=at_us)
            if not self._keys.has(name):
                await self._persons.drop_seals(name)
        now_us = await self._store.now_us()
        events = tuple(Event(kind=EventKind.PERSON_ERASED, subject=name, at_us=now_us,
                             data={"by": "the erasure journal", "why": "a database from before the erasure",
                                   "until_us": at_us}) for name, at_us in pending.items())  # fmt: skip
        await self._store.commit(Change(events=events))

    async def _known(self) -> dict[str, int]:
        """Until when the database knows of each erasure."""
        known: dict[str, int] = {}
        seq = 0
        while links := await self._store.links(self._store.writer, after_seq=seq, limit=LIST_MAX):
            for link in links:
                event = msgspec.json.decode(link.body, type=Event)
                if event.kind is EventKind.PERSON_ERASED:
                    known[event.subject] = max(known.get(event.subject, 0), int(event.data.get("until_us", 0)))
            seq = links[-1].seq
        return known
