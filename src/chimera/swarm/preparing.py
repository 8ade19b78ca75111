"""What comes before work on leased tasks: is it time and worth it, may it go now, what is to be chosen, the money.

Works on none.
"""

from __future__ import annotations

from collections.abc import Sequence

from chimera.domain.task import Task
from chimera.swarm.choosing import Choosing
from chimera.swarm.ending import Ending
from chimera.swarm.forsaking import Forsaking
from chimera.swarm.leased import Leased
from chimera.swarm.reserving import Reserving


class Preparing:
    """All of them, in this order: nothing is set aside for a task that still waits for its time, or has missed it."""

    def __init__(
        self, ending: Ending, forsaking: Forsaking, leased: Leased, choosing: Choosing, reserving: Reserving
    ) -> None:
        self._ending = ending
        self._forsaking = forsaking
        self.leased = leased
        self._choosing = choosing
        self._reserving = reserving

    async def prepare(self, tasks: Sequence[Task]) -> Sequence[Task]:
        """Those tasks that may be worked on now."""
        tasks = await self._forsaking.worth_it(await self._ending.in_time(tasks))
        ready = await self._choosing.choose(await self.leased.few_of(tasks))
        return await self._reserving.reserve(ready) if ready else ready
