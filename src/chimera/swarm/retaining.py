"""Keeps records and media as long as they must be kept, and no longer: weeks go behind a signed checkpoint.

Drops nothing itself: that is the maintenance role's. What was dropped goes on record.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from chimera.domain.change import Change
from chimera.domain.errors import Refused
from chimera.domain.event import Event, EventKind
from chimera.domain.retention import Week, cut_us
from chimera.governance.checkpoints import latest
from chimera.governance.retention import require_anchor
from chimera.ports.store import Store
from chimera.ports.weeks import Weeks
from chimera.swarm.loops import log

# Weeks come and go one at a time.
RETAINED_SECONDS = 86_400.0


class Retaining:
    """`keys` are the public keys of this installation's checkpoints, as they are now."""

    def __init__(
        self, *, weeks: Weeks, store: Store, keys: Callable[[], Mapping[str, str]], days: int,
        expire_media: Callable[[int], Awaitable[Sequence[str]]] | None = None,
    ) -> None:  # fmt: skip
        self._weeks = weeks
        self._expire_media = expire_media
        self._store = store
        self._keys = keys
        self._days = days

    async def once(self) -> bool:
        """One round. Where nothing may go yet, everything stays, and the weeks ahead are made all the same."""
        await self._weeks.make_ahead()
        try:
            await self.drop()
        except Refused as refusal:
            log.info("records are kept", why=str(refusal))
        await self._drop_media()
        return False

    async def _drop_media(self) -> None:
        """Pictures and films are kept as long as the records that name them."""
        if self._expire_media is None:
            return
        gone = await self._expire_media(cut_us(now_us=await self._store.now_us(), days=self._days))
        if gone:
            log.info("media are removed", media=len(gone), days=self._days)

    async def drop(self) -> tuple[Week, ...]:
        """What has been kept long enough goes; each week with how much was in it and what it is kept for."""
        now_us = await self._store.now_us()
        before_us = cut_us(now_us=now_us, days=self._days)
        anchor = require_anchor(await latest(self._store), before_us=before_us, keys=self._keys())
        weeks = await self._weeks.drop(before_us=before_us, checkpoint_id=anchor.id)
        windows = await self._weeks.drop_windows(before_us=before_us, checkpoint_id=anchor.id)
        gone = [week for week in weeks if not week.kept_for]
        if gone or windows:
            event = Event(kind=EventKind.RECORDS_DROPPED, subject=anchor.id, at_us=now_us, data={
                "weeks": [week.week for week in gone], "records": sum(week.records for week in gone),
                "windows": windows, "before_us": before_us, "days": self._days, "checkpoint": anchor.statement.number,
            })  # fmt: skip
            await self._store.commit(Change(events=(event,)))
        return weeks
