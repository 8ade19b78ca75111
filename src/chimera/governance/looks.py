"""Who looked at what: reads of data through the API are on record, in batches. Never stands in the way of a read."""

from __future__ import annotations

from msgspec import Struct

from chimera.domain.change import Change
from chimera.domain.event import Event, EventKind
from chimera.domain.person import Principal
from chimera.ports.store import Store

RECORDS_MAX = 50
ROUTES_MAX = 100


class _Look(Struct):
    count: int = 0
    records: dict[str, None] = {}


class Looks:
    """Collects in memory, writes one event per person and flush."""

    def __init__(self, *, store: Store) -> None:
        self._store = store
        self._seen: dict[tuple[str, str, str], dict[str, _Look]] = {}

    def note(self, who: Principal, *, route: str, record: str) -> None:
        """Somebody read something."""
        looks = self._seen.setdefault((who.person, who.name, ", ".join(sorted(who.roles))), {})
        look = looks.setdefault(route, _Look())
        look.count += 1
        if record and len(look.records) < RECORDS_MAX:
            look.records[record] = None

    async def flush(self) -> int:
        """Put on record what was noted. What cannot be written now is kept for the next time."""
        seen, self._seen = self._seen, {}
        if not seen:
            return 0
        now_us = await self._now_us(seen)
        events = tuple(_event(who, looks, now_us) for who, looks in seen.items())
        try:
            await self._store.commit(Change(events=events))
        except BaseException:
            self._restore(seen)
            raise
        return len(events)

    async def _now_us(self, seen: dict[tuple[str, str, str], dict[str, _Look]]) -> int:
        try:
            return await self._store.now_us()
        except BaseException:
            self._restore(seen)
            raise

    def _restore(self, seen: dict[tuple[str, str, str], dict[str, _Look]]) -> None:
        for who, looks in seen.items():
            for route, look in looks.items():
                kept = self._seen.setdefault(who, {}).setdefault(route, _Look())
                kept.count += look.count
                kept.records.update(look.records)


def _event(who: tuple[str, str, str], looks: dict[str, _Look], now_us: int) -> Event:
    identifier, name, role = who
    return Event(
        kind=EventKind.DATA_READ,
        subject=identifier,
        at_us=now_us,
        data={
            "by": name,
            "role": role,
            "reads": [
                {"route": route, "count": look.count, "records": list(look.records)}
                for route, look in list(looks.items())[:ROUTES_MAX]
            ],
        },
    )
