"""The only thing that can be written: records, the money they move, and the events that say so. All or nothing."""

from __future__ import annotations

from msgspec import Struct

from chimera.domain.budget import Movement
from chimera.domain.event import Event
from chimera.domain.record import Record


class Change(Struct, frozen=True, kw_only=True):
    """One step. `begins_in` names the scopes in which it begins something: a halt in any of them refuses it."""

    records: tuple[Record, ...] = ()
    events: tuple[Event, ...]
    movements: tuple[Movement, ...] = ()
    begins_in: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        assert self.events, "a change without events cannot be built"
        ids = [(type(record), record.id) for record in self.records]
        assert len(set(ids)) == len(ids), "a change writes each record once"
