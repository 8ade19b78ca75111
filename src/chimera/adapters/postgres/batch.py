"""Gathers changes into batches, and lays a batch out as the arrays that the database takes. May not talk to it."""

from __future__ import annotations

from asyncio import Future
from collections import deque
from collections.abc import Collection, Sequence
from itertools import accumulate, groupby
from operator import itemgetter
from typing import Any

from chimera.adapters.postgres.arrays import numbers, texts, words
from chimera.adapters.postgres.movements import Columns
from chimera.domain import rows
from chimera.domain.errors import Invalid
from chimera.domain.rows import Row, Written

BATCH_CHANGES_MAX = 512
# A halt or a cap changes what is checked for everybody: it rides alone.
_ALONE = frozenset({"halt", "cap"})

_slice = itemgetter(0, 1)


class Entry:
    """One change on its way, and who waits for it."""

    __slots__ = ("alone", "done", "written")

    def __init__(self, written: Written, done: Future[None]) -> None:
        self.written = written
        self.done = done
        self.alone = not _ALONE.isdisjoint([kind for kind, _ in written.keys])

    def resolve(self) -> None:
        """It is on disk."""
        if not self.done.done():
            self.done.set_result(None)

    def fail(self, error: Exception) -> None:
        """It was refused, or is not known to have been written."""
        if not self.done.done():
            self.done.set_exception(error)


class Waiting:
    """Changes that wait for the next batch, in the order in which they came."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque()

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, entry: Entry) -> None:
        self._entries.append(entry)

    def take(self) -> list[Entry]:
        """The next batch: no record twice in it, and nothing overtakes a change of the same record."""
        batch: list[Entry] = []
        later: list[Entry] = []
        busy: set[tuple[str, str]] = set()
        while self._entries and len(batch) < BATCH_CHANGES_MAX:
            entry = self._entries[0]
            if entry.alone and (batch or later):
                break
            self._entries.popleft()
            if entry.done.done():
                continue
            (batch if busy.isdisjoint(entry.written.keys) else later).append(entry)
            busy.update(entry.written.keys)
            if entry.alone:
                break
        self._entries.extendleft(reversed(later))
        return batch

    def drain(self) -> list[Entry]:
        """Everything that waits."""
        entries = list(self._entries)
        self._entries.clear()
        return entries


def sound(batch: Sequence[Entry]) -> Sequence[Entry]:
    """What of a batch a database can hold, which is looked at together. Whoever sent the rest is told why not."""
    try:
        rows.require_sound([entry.written for entry in batch])
    except Invalid:
        return [entry for entry in batch if _is_sound(entry)]
    return batch


def _is_sound(entry: Entry) -> bool:
    try:
        rows.require_sound((entry.written,))
    except Invalid as error:
        entry.fail(error)
        return False
    return True


def arrays_of(batch: Sequence[Entry], unseen: Collection[str] | None = None) -> list[Any]:
    """The batch as parallel arrays: slices, rows, movements, beginnings, events. Changes count from 1, in order.

    `unseen` are the windows that may have to be made: all of them, where it is not said.
    """
    placed: list[tuple[Any, ...]] = []
    movements = Columns()
    begins: list[tuple[int, str]] = []
    events: list[tuple[int, bytes]] = []
    for change, entry in enumerate(batch, start=1):
        written = entry.written
        placed += [(*row, change) for row in written.rows]
        for movement in written.movements:
            movements.add(change, movement)
        begins += [(change, scope) for scope in written.begins_in]
        events += [(change, body) for body in written.events]
    # By kind, verb and id: one slice per table and statement, locked in the same order by everybody.
    placed.sort()
    made = None if unseen is None else texts(sorted(unseen))
    return [*_slices(placed), *_rows(placed), *movements.arrays(), *_beginnings(begins), *_events(events), made]


def _slices(rows: Sequence[tuple[Any, ...]]) -> list[str]:
    slices: list[tuple[str, str, int, int]] = []
    first = 1
    for (kind, verb), members in groupby(rows, key=_slice):
        last = first + sum(1 for _ in members) - 1
        slices.append((kind, verb, first, last))
        first = last + 1
    kinds, verbs, firsts, lasts = _columns(slices, 4)
    return [words(kinds), words(verbs), numbers(firsts), numbers(lasts)]


def _rows(rows: Sequence[tuple[Any, ...]]) -> list[Any]:
    _, _, ids, versions, states, scopes, shards, dues, ranks, bodies, changes = _columns(rows, len(Row._fields) + 1)
    heads = [numbers(changes), words(ids), numbers(versions), words(states), texts(scopes)]
    return [*heads, numbers(shards), numbers(dues), numbers(ranks), *_together(bodies)]


def _beginnings(begins: Sequence[tuple[int, str]]) -> list[str]:
    changes, scopes = _columns(begins, 2)
    return [numbers(changes), texts(scopes)]


def _events(events: Sequence[tuple[int, bytes]]) -> list[Any]:
    changes, bodies = _columns(events, 2)
    return [numbers(changes), *_together(bodies)]


def _together(bodies: Sequence[bytes]) -> tuple[bytes, str, str]:
    """All bodies in one, where each begins, and how long each is."""
    lengths = [len(body) for body in bodies]
    return b"".join(bodies), numbers(list(accumulate(lengths[:-1], initial=1)) if lengths else ()), numbers(lengths)


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[Sequence[Any]]:
    return list(zip(*rows, strict=True)) if rows else [()] * width
