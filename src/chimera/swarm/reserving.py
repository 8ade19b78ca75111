"""Sets money aside for what models may cost a task, before it is worked on. Asks no model, and judges nothing.

What the work did cost is captured with its result, in the same change; beyond what was set aside it is late cost, for
which the windows have `overrun`. A task for which there is no room is not worked on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from chimera.domain.budget import MODEL_CALLS, Hold
from chimera.domain.costing import model_hold_id
from chimera.domain.errors import Conflict, Refused
from chimera.domain.task import Task
from chimera.domain.work import Result
from chimera.governance.model_holds import left_behind, released, set_aside
from chimera.pipeline.judge import JUDGE_COST_MICROS_MAX
from chimera.ports.store import Store
from chimera.swarm import hearing
from chimera.swarm.court import Court
from chimera.swarm.loops import log

# A result that comes after its lease is taken as long as nobody else has the task: its money is still there then.
OUTLIVES_LEASE_SECONDS = 600


class Reserving:
    """Knows what is set aside for the tasks that are out.

    What a crash leaves behind is given back when the task is leased anew, or when it expires.
    """

    def __init__(self, *, store: Store, court: Court) -> None:
        self._store = store
        self._court = court
        self._held: dict[str, Hold] = {}

    async def reserve(self, tasks: Sequence[Task]) -> list[Task]:
        """Those tasks for which there is money: all of them where models cost nothing."""
        if not self._court.models_cost:
            return list(tasks)
        # What is done under a lease that was lost is not taken: what is held for that makes the room.
        former = await left_behind(self._store, [task.id for task in tasks if task.leases_lost])
        covered = await asyncio.gather(*(self._is_covered(task, former.get(task.id, ())) for task in tasks))
        return [task for task, is_covered in zip(tasks, covered, strict=True) if is_covered]

    def of(self, task: Task) -> Hold | None:
        """What is set aside for this task, as it was leased."""
        hold = self._held.get(task.id)
        return hold if hold is not None and hold.id == model_hold_id(task.id, task.version) else None

    def forget(self, task_id: str) -> None:
        """The task's result is on record, and what was set aside with it."""
        self._held.pop(task_id, None)

    async def release_expired(self) -> None:
        """Give back what belongs to work that never came to an end."""
        if not self._court.models_cost:
            return
        now_us = await self._store.now_us()
        # Whoever gave it back: what has expired is set aside for nobody.
        self._held = {key: hold for key, hold in self._held.items() if hold.expires_at_us > now_us}
        for hold in await self._store.list(Hold, states=("held",), due_before_us=now_us):
            if hold.category == MODEL_CALLS:
                await self._release(hold, now_us)

    async def _is_covered(self, task: Task, former: Sequence[Hold]) -> bool:
        hold = self._hold_for(task)
        try:
            await set_aside(self._store, hold, campaign_id=task.campaign_id, at_us=self._court.clock.now_us(),
                            former=former)  # fmt: skip
        except Refused as refusal:
            await self._give_up(task, refusal)
            return False
        self._held[task.id] = hold
        return True

    def _hold_for(self, task: Task) -> Hold:
        limits = self._court.contracts.specs[task.spec.name].limits
        return Hold(
            id=model_hold_id(task.id, task.version),
            task_id=task.id,
            amount_micros=limits.cost_micros_max + JUDGE_COST_MICROS_MAX,
            windows=self._court.occasion(task).windows,
            expires_at_us=task.due_at_us + OUTLIVES_LEASE_SECONDS * 1_000_000,
            category=MODEL_CALLS,
        )

    async def _give_up(self, task: Task, refusal: Refused) -> None:
        """Without room nobody is asked: later again, as often as the task's type allows, then it has failed."""
        why = f"no money for models: {refusal.message}"
        result = Result(task_id=task.id, task_version=task.version, failure=why)
        limits = self._court.contracts.specs[task.spec.name].limits
        await self._store.commit(hearing.failed(task, result, limits, self._court.occasion(task)).change)
        log.info("a task is not worked on", task=task.id, why=why)

    async def _release(self, hold: Hold, now_us: int) -> None:
        try:
            await self._store.commit(released(hold, at_us=now_us))
        except Conflict:
            # Another manager was quicker, or the result came after all.
            log.info("a hold had ended already", hold=hold.id)
        self.forget(hold.task_id)
