"""Lets out few at once of the tasks that lost leases: one of them may be what ends the process that works on it.

Of all that were out when a process ended, one may be guilty; the others are its neighbours. Each time fewer of them go
together, so that the guilty one is nearly alone in the end, and whoever finishes is innocent. Counts for one process,
whatever slots it has: they end together. Works on none, and gives none up.
"""

from __future__ import annotations

from collections.abc import Sequence

from chimera.domain.task import Task
from chimera.ports.clock import Clock

# So many go together before any lost a lease; half of that after each that it lost.
TOGETHER_MAX = 256
# What has to wait is looked at again in turn, about twice as often as one of those under way comes to its end: however
# many wait, each is given back a few times, and the store has little to do with it.
LOOKED_AT_US_MIN, LOOKED_AT_US_MAX = 15_625, 5_000_000
# And none sooner or later than that.
BACK_US_MIN, BACK_US_MAX = 250_000, 60_000_000


def together_max(leases_lost: int) -> int:
    """How many suspects may be under way together with one that has lost so many leases; itself is one of them."""
    return max(1, TOGETHER_MAX >> leases_lost)


class Suspected:
    """Those that are under way in this process, until what came of them is on record or their lease is over."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._out: dict[str, Task] = {}
        self._back_us = 0
        # How far apart they come to their ends, of late; when the last one did, or the first of them was begun.
        self._apart_us = 2 * LOOKED_AT_US_MIN
        self._ended_us = clock.now_us()

    def few_of(self, tasks: Sequence[Task]) -> Sequence[Task]:
        """Those leased tasks that may go now, beside what is under way: all that lost no lease, and so many suspects.

        Whoever has lost fewest goes first. It is most likely innocent, and once it has finished nobody is left to be
        blamed beside the guilty one.
        """
        suspects = sorted((task for task in tasks if task.leases_lost), key=lambda task: task.leases_lost)
        if not suspects:
            return tasks
        self._forget_over()
        for task in suspects:
            self._out.pop(task.id, None)
        going = {task.id for task in suspects if self._goes(task)}
        return [task for task in tasks if not task.leases_lost or task.id in going]

    def over(self, task_id: str) -> None:
        """What came of it is on record, or it is not worked on after all."""
        if self._out.pop(task_id, None) is not None:
            now_us = self._clock.now_us()
            self._apart_us = (3 * self._apart_us + min(now_us - self._ended_us, 2 * LOOKED_AT_US_MAX)) // 4
            self._ended_us = now_us

    def back_us(self, now_us: int) -> int:
        """When one that has to wait is looked at again, by the store's clock: each in its turn."""
        apart_us = max(self._apart_us, self._clock.now_us() - self._ended_us)
        next_us = self._back_us + min(max(LOOKED_AT_US_MIN, apart_us // 2), LOOKED_AT_US_MAX)
        self._back_us = min(max(now_us + BACK_US_MIN, next_us), now_us + BACK_US_MAX)
        return self._back_us

    def _goes(self, task: Task) -> bool:
        most_lost = max([task.leases_lost, *(one.leases_lost for one in self._out.values())])
        if len(self._out) >= together_max(most_lost):
            return False
        if not self._out:
            self._ended_us = self._clock.now_us()
        self._out[task.id] = task
        return True

    def _forget_over(self) -> None:
        """Whose lease has run out is under way for nobody; whoever leases it next counts it anew."""
        now_us = self._clock.now_us()
        self._out = {task_id: task for task_id, task in self._out.items() if task.due_at_us > now_us}
