"""The simulation's own books: the newest version of every committed record, and the last steps in words."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TypeVar, cast

from chimera.domain.kinds import KINDS
from chimera.domain.record import Record

R = TypeVar("R", bound=Record)
TRACE_MAX = 30


class Books:
    """Filled from changes as they are committed, never from what a process believes."""

    def __init__(self) -> None:
        self._shelves: dict[type[Record], dict[str, Record]] = {kind: {} for kind in KINDS.values()}
        self._trace: deque[Callable[[], str]] = deque(maxlen=TRACE_MAX)
        self.steps = 0

    def all(self, kind: type[R]) -> dict[str, R]:
        """Every record of a kind, by id."""
        return cast("dict[str, R]", self._shelves[kind])

    def enter(self, record: Record) -> None:
        """One record as committed."""
        self._shelves[type(record)][record.id] = record

    def note(self, words: Callable[[], str]) -> None:
        """One step; put into words only when somebody asks."""
        self.steps += 1
        self._trace.append(words)

    def last(self) -> tuple[str, ...]:
        """The last steps, oldest first."""
        return tuple(words() for words in self._trace)
