"""Gives tasks up that were leased again and again and never came back, before anybody works on them. Asks nobody."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from chimera.domain.errors import Conflict
from chimera.domain.task import Task
from chimera.domain.work import Result
from chimera.pipeline.settling import followers
from chimera.ports.store import Store
from chimera.swarm import hearing
from chimera.swarm.court import Court
from chimera.swarm.loops import log

# So many leases in a row may run out, or end with their manager, between two answers. They are no tries: managers that
# are restarted one after the other cost a task none.
LEASES_LOST_MAX = 10
WHY = "leased {count} times in a row, and whoever had it never handed anything in [leases_lost]"


class Forsaking:
    """Looks at leased tasks: each lease that ends without a result counts for nobody else."""

    def __init__(self, *, store: Store, court: Court) -> None:
        self._store = store
        self._court = court

    async def worth_it(self, tasks: Sequence[Task]) -> Sequence[Task]:
        """Those that may be tried again; the others have failed, and what waits for them is dropped."""
        lost = [task for task in tasks if task.leases_lost >= LEASES_LOST_MAX]
        for task in lost:
            await self._give_up(task)
        return tasks if not lost else [task for task in tasks if task not in lost]

    async def _give_up(self, task: Task) -> None:
        result = Result(task_id=task.id, task_version=task.version, failure=WHY.format(count=task.leases_lost))
        limits = msgspec.structs.replace(self._court.contracts.specs[task.spec.name].limits, attempts_max=0)
        step = hearing.failed(task, result, limits, self._court.occasion(task))
        log.error("a task is given up: nobody hands it in", task=task.id, leases=task.leases_lost)
        try:
            await self._store.commit(await followers.with_dropped(self._store, step.task, step.change))
        except Conflict:
            # Somebody ended it together with its campaign: nobody works on it either way.
            log.info("what was lost had ended already", task=task.id)
