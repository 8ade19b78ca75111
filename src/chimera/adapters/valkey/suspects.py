"""Who is to be given which task, by what has become of it before. Sends nothing; only remembers, so much and no more.

A task that takes every worker process with it is found, and no other is blamed for it: what was lost twice goes alone.
"""

from __future__ import annotations

from collections.abc import Collection

from chimera.domain.recent import Recent

LOST_MAX = 3
KEPT_MAX = 10_000


class Suspects:
    """Counts by task how many lives ended while they had it, and who handed it in without a draft."""

    def __init__(self) -> None:
        self._lost: Recent[str, int] = Recent(KEPT_MAX)
        self._failed: Recent[str, frozenset[str]] = Recent(KEPT_MAX)

    def lost(self, task_id: str) -> int:
        """One more life has ended with it; how many did."""
        count = self._lost[task_id] = self._lost.get(task_id, 0) + 1
        return count

    @property
    def any(self) -> bool:
        """Whether anything was lost lately."""
        return bool(self._lost)

    def is_suspect(self, task_id: str) -> bool:
        """Whether it goes alone: the next life that ends with it was ended by it."""
        return self._lost.get(task_id, 0) >= LOST_MAX - 1

    def failed(self, task_id: str, worker: str) -> None:
        """This worker made nothing of it."""
        self._failed[task_id] = self._failed.get(task_id, frozenset()) | {worker}

    def made(self, task_id: str) -> None:
        """A draft came of it."""
        self._lost.pop(task_id, None)
        self._failed.pop(task_id, None)

    def suits(self, task_id: str, worker: str, *, awake: Collection[str]) -> bool:
        """Whether it may have this one: it has not failed with it, or everybody who is there has."""
        failed = self._failed.get(task_id, frozenset())
        return worker not in failed or failed.issuperset(awake)
