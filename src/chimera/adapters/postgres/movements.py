"""Movements of a batch as the columns that the database takes, and which windows a writer has seen to stand."""

from __future__ import annotations

from collections.abc import Iterable

from chimera.adapters.postgres.arrays import numbers, texts
from chimera.domain.budget import Movement

STANDING_MAX = 131_072


class Columns:
    """A row for each window of each movement, by columns: change, window, hold, release, meter."""

    def __init__(self) -> None:
        self._changes: list[int] = []
        self._windows: list[str] = []
        self._holds: list[int] = []
        self._releases: list[int] = []
        self._meters: list[int] = []

    def add(self, change: int, movement: Movement) -> None:
        """What one change does to some windows."""
        windows = movement.windows
        many = len(windows)
        self._windows += windows
        self._changes += [change] * many
        self._holds += [movement.hold_micros] * many
        self._releases += [movement.release_micros] * many
        self._meters += [movement.metered_micros] * many

    def arrays(self) -> list[str]:
        """As PostgreSQL reads them."""
        return [numbers(self._changes), texts(self._windows), numbers(self._holds), numbers(self._releases),
                numbers(self._meters)]  # fmt: skip


class Standing:
    """The windows that this writer has moved before: the database need not look whether they are still to be made.

    A window goes 90 days after its end. Whoever is wrong about one has its batch looked at singly, which makes it.
    """

    def __init__(self, *, most: int = STANDING_MAX) -> None:
        self._most = most
        self._seen: set[str] = set()

    def unseen(self, movements: Iterable[Movement]) -> set[str]:
        """Those of their windows that may have to be made."""
        return {window for one in movements for window in one.windows} - self._seen

    def saw(self, windows: set[str]) -> None:
        """They were moved, and that is on disk."""
        if len(self._seen) + len(windows) > self._most:
            self._seen.clear()
        self._seen |= windows
