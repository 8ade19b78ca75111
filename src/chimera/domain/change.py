"""The only thing that can be written: records, the money they move, and the events that say so. All or nothing."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from chimera.domain.budget import Movement, combined
from chimera.domain.event import Event
from chimera.domain.record import Record


class Change(Struct, frozen=True, kw_only=True):
    """One step. `begins_in` names the scopes in which it begins something: a halt in any of them refuses it.

    `movements` may name a window more than once: they are made in their order. Each record is written once, which
    is looked at when it is written (`rows.write`): changes are put together from others several times before that.
    """

    records: tuple[Record, ...] = ()
    events: tuple[Event, ...]
    movements: tuple[Movement, ...] = ()
    begins_in: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        assert self.events, "a change without events cannot be built"


def joined(changes: Iterable[Change]) -> Change:
    """Several changes as one: all or nothing."""
    every = tuple(changes)
    return Change(
        records=tuple([record for change in every for record in change.records]),
        events=tuple([event for change in every for event in change.events]),
        movements=combined([movement for change in every for movement in change.movements]),
        begins_in=tuple(dict.fromkeys([scope for change in every for scope in change.begins_in])),
    )


def fused(first: Change, later: Change) -> Change:
    """Two changes that follow one another as one step: each record as the later one leaves it, one version further."""
    ends = {(type(record), record.id): record for record in later.records}
    records = [_at_version_of(record, ends.pop((type(record), record.id), record)) for record in first.records]
    return Change(
        records=(*records, *ends.values()),
        events=(*first.events, *later.events),
        movements=(*first.movements, *later.movements),
        begins_in=tuple(dict.fromkeys((*first.begins_in, *later.begins_in))),
    )


def _at_version_of(before: Record, after: Record) -> Record:
    return after if after is before else replace(after, version=before.version)
