"""Keeps records and media as long as they must be kept, and no longer: weeks go behind a signed checkpoint.

Drops nothing itself: that is the maintenance role's. What was dropped goes on record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from chimera.domain.change import Change
from chimera.domain.errors import Refused
from chimera.domain.event import Event, EventKind
from chimera.domain.retention import Week, cut_us
from chimera.governance.checkpoints import latest
from chimera.governance.retention import require_anchor
from chimera.ports.store import Store
from chimera.ports.weeks import Shelf, Shelved, Weeks
from chimera.swarm.loops import log

# Weeks come and go one at a time.
RETAINED_SECONDS = 86_400.0
# So many digests stand in one event.
DIGESTS_AT_ONCE_MAX = 500
MEDIA = "media"


class Dropped(Struct, frozen=True, kw_only=True):
    """What went, or would go now: weeks, how many budget windows of that time, and media by digest.

    `kept_for` says why no week and no window may.
    """

    weeks: tuple[Week, ...] = ()
    windows: int = 0
    media: tuple[str, ...] = ()
    kept_for: str = ""


class Retaining:
    """`keys` are the public keys of this installation's checkpoints, as they are now."""

    def __init__(
        self, *, weeks: Weeks, store: Store, keys: Callable[[], Mapping[str, str]], days: int,
        shelf: Shelf | None = None,
    ) -> None:  # fmt: skip
        self._weeks = weeks
        self._shelf = shelf
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
        await self.drop_media()
        return False

    async def foreseen(self) -> Dropped:
        """What a round would drop now. Nothing goes, and nothing is on record."""
        before_us = await self._before_us()
        media = () if self._shelf is None else _digests(await self._shelf.older(before_us=before_us))
        try:
            anchor = require_anchor(await latest(self._store), before_us=before_us, keys=self._keys())
            weeks = await self._weeks.would_drop(before_us=before_us, checkpoint_id=anchor.id)
            windows = await self._weeks.would_drop_windows(before_us=before_us, checkpoint_id=anchor.id)
        except Refused as refusal:
            return Dropped(kept_for=str(refusal), media=media)
        return Dropped(weeks=weeks, windows=windows, media=media)

    async def drop_media(self) -> Sequence[str]:
        """Pictures and films are kept as long as the records that name them. What goes is on record before it goes.

        The shelf is looked through once: what goes is what was said. Whoever is cut off in between removes it in the
        next round, and says so once more.
        """
        if self._shelf is None:
            return ()
        before_us = await self._before_us()
        going = await self._shelf.older(before_us=before_us)
        if not going:
            return ()
        parts = [going[start : start + DIGESTS_AT_ONCE_MAX] for start in range(0, len(going), DIGESTS_AT_ONCE_MAX)]
        at_us = await self._store.now_us()
        for part in parts:
            data = {"media": len(part), "digests": _digests(part), "before_us": before_us, "days": self._days}
            event = Event(kind=EventKind.MEDIA_DROPPED, subject=MEDIA, at_us=at_us, data=data)
            await self._store.commit(Change(events=(event,)))
        await self._shelf.remove(going)
        log.info("media are removed", media=len(going), days=self._days)
        return _digests(going)

    async def drop(self) -> Dropped:
        """What has been kept long enough goes; each week with how much was in it and what it is kept for. No media."""
        now_us, before_us = await self._store.now_us(), await self._before_us()
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
        return Dropped(weeks=weeks, windows=windows)

    async def _before_us(self) -> int:
        return cut_us(now_us=await self._store.now_us(), days=self._days)


def _digests(media: Sequence[Shelved]) -> tuple[str, ...]:
    return tuple([one.digest for one in media])
