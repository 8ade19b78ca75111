"""The weeks in which records lie, and the media beside them: how each is dropped, and what would be.

Whoever keeps weeks looks again at every condition before one goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from chimera.domain.retention import Week


class Weeks(Protocol):
    """Made ahead, dropped whole. `Unavailable` when the records cannot be had now."""

    async def make_ahead(self) -> int:
        """The weeks that are coming, and those of records that found none; how many were made."""
        ...

    async def drop(self, *, before_us: int, checkpoint_id: str) -> tuple[Week, ...]:
        """All weeks that were over before a moment and in which nothing is open, behind a signed checkpoint.

        `Refused("retention_refused")` for less than ninety days, and where no such checkpoint stands behind them.
        """
        ...

    async def drop_windows(self, *, before_us: int, checkpoint_id: str) -> int:
        """All budget windows of days, weeks and months that were over before a moment, and in which nothing is held.

        Behind a checkpoint, and refused, as above. What counts for ever stays. How many went.
        """
        ...

    async def would_drop(self, *, before_us: int, checkpoint_id: str) -> tuple[Week, ...]:
        """What `drop` would do now, under the same conditions. Nothing goes."""
        ...

    async def would_drop_windows(self, *, before_us: int, checkpoint_id: str) -> int:
        """How many windows `drop_windows` would drop now, under the same conditions. Nothing goes."""
        ...


class Shelved(Struct, frozen=True, kw_only=True):
    """A picture or film where it lies, under its digest."""

    digest: str
    name: str


class Shelf(Protocol):
    """Where pictures and films lie, each under its digest."""

    async def older(self, *, before_us: int) -> tuple[Shelved, ...]:
        """What was kept before a moment."""
        ...

    async def remove(self, media: Sequence[Shelved]) -> None:
        """These, with everything that belongs to them; also if some are gone already."""
        ...
