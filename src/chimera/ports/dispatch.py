"""How assignments reach workers and results come back. Losing one in between is no loss: leases run out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from chimera.domain.work import Assignment, Result


class Dispatch(Protocol):
    """A way to workers. In-process, streams or Celery: one conformance suite."""

    async def send(self, assignments: Sequence[Assignment]) -> None: ...

    async def results(self) -> tuple[Result, ...]:
        """Waits for at least one result, and returns those that are there."""
        ...

    @property
    def room(self) -> int:
        """How many more assignments would be taken on at once."""
        ...

    async def close(self) -> None: ...
