"""Where measurements go. Nothing is decided by them, and losing them loses nothing."""

from __future__ import annotations

from typing import Protocol

from chimera.domain.task import Task


class Meter(Protocol):
    """Takes durations by stage, and tasks as they are decided and settled."""

    def took(self, stage: str, duration_us: int) -> None: ...

    def decided(self, task: Task, at_us: int) -> None: ...

    def settled(self, task: Task, at_us: int) -> None: ...


class NoMeter:
    """Measures nothing."""

    def took(self, stage: str, duration_us: int) -> None:
        """Forgets it."""

    def decided(self, task: Task, at_us: int) -> None:
        """Forgets it."""

    def settled(self, task: Task, at_us: int) -> None:
        """Forgets it."""
