"""How often one worker's word alone is enough for a task that it was no try. Believes nobody for ever."""

from __future__ import annotations

from chimera.domain.recent import Recent
from chimera.swarm.hearing import HALTED_SECONDS

# With pauses that grow to a minute this is nine minutes for each try: whoever is cut off for longer loses a try.
EXCUSES_MAX = 12
PAUSE_TIMES_MAX = 6
_KEPT_MAX = 10_000


class Excuses:
    """Counts them by task, in this process: a manager that begins anew believes anew."""

    def __init__(self) -> None:
        self._taken: Recent[str, int] = Recent(_KEPT_MAX)

    def pause_seconds(self, task_id: str) -> int | None:
        """How long the task waits because nobody could be asked; None once that was said too often."""
        count = self._taken[task_id] = self._taken.get(task_id, 0) + 1
        if count > EXCUSES_MAX:
            del self._taken[task_id]
            return None
        return HALTED_SECONDS * min(count, PAUSE_TIMES_MAX)

    def forget(self, task_id: str) -> None:
        """Somebody was asked."""
        self._taken.pop(task_id, None)
