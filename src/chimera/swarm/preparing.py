"""What comes before work on leased tasks: what is still to be chosen, then the money for it. Works on none."""

from __future__ import annotations

from collections.abc import Sequence

from chimera.domain.task import Task
from chimera.swarm.choosing import Choosing
from chimera.swarm.reserving import Reserving


class Preparing:
    """Both, in this order: nothing is set aside for a task that still waits for its time."""

    def __init__(self, choosing: Choosing, reserving: Reserving) -> None:
        self._choosing = choosing
        self._reserving = reserving

    async def prepare(self, tasks: Sequence[Task]) -> Sequence[Task]:
        """Those tasks that may be worked on now."""
        ready = await self._choosing.choose(tasks)
        return await self._reserving.reserve(ready) if ready else ready
