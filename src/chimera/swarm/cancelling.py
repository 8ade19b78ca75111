"""Ends what is left of a cancelled campaign: every state of a task has its own end. Begins nothing, grants nothing.

What has gone out is settled as always, what is in doubt is asked about as always, and what a person ordered stays
theirs. Everything else is dropped; a grant that nobody has begun with is withdrawn, and its money goes back.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from chimera.domain.campaign import Campaign, CampaignState
from chimera.domain.change import Change
from chimera.domain.errors import ChimeraError
from chimera.domain.event import Event, EventKind
from chimera.domain.grant import Grant, Seal, SealState
from chimera.domain.granted import Granted
from chimera.domain.record import Record
from chimera.domain.review import Review, ReviewCommand, ReviewState
from chimera.domain.task import UNDER_WAY, Task, TaskCommand, TaskState
from chimera.pipeline.settling.settle import Settle
from chimera.ports.store import Store
from chimera.swarm.loops import log

WHY = "the campaign was cancelled"
_SCOPE = "campaign:"


class Cancelling:
    """Looks at cancelled campaigns until nothing of them is under way. `is_busy`: a grant is in our hands."""

    def __init__(self, *, store: Store, settle: Settle, is_busy: Callable[[str], bool]) -> None:
        self._store = store
        self._settle = settle
        self._is_busy = is_busy
        self._over: set[str] = set()

    async def once(self) -> None:
        """One round. Cancelling halts a campaign's scope: only halted ones are looked at."""
        halted = {scope.removeprefix(_SCOPE) for scope in await self._store.halted() if scope.startswith(_SCOPE)}
        # What is halted no more has outlived its halt, and is not looked at again.
        self._over &= halted
        for campaign in await self._store.get_many(Campaign, sorted(halted - self._over)):
            if campaign.state is CampaignState.CANCELLED and not await self._end(campaign):
                self._over.add(campaign.id)

    async def _end(self, campaign: Campaign) -> bool:
        """End what can be ended now; whether anything is still under way."""
        left, after = False, ""
        while page := await self._store.list(Task, states=UNDER_WAY, scope=campaign.id, after=after):
            for task in page:
                left = not await self._guarded(task) or left
            after = page[-1].id
        return left

    async def _guarded(self, task: Task) -> bool:
        try:
            return await self._ended(task)
        except ChimeraError as error:
            # Somebody moved it meanwhile: it is looked at again as it is then.
            log.info("ended later", task=task.id, why=str(error))
            return False

    async def _ended(self, task: Task) -> bool:
        """Whether nothing more will happen to it."""
        if task.order:
            return False
        match task.state:
            case TaskState.WAITING | TaskState.READY | TaskState.LEASED:
                return await self._drop(task, ())
            case TaskState.HELD:
                return await self._drop_held(task)
            case TaskState.GRANTED:
                return await self._withdraw(task)
            case TaskState.IN_DOUBT | TaskState.DONE | TaskState.REFUSED | TaskState.FAILED | TaskState.DROPPED:
                return task.is_final

    async def _drop_held(self, task: Task) -> bool:
        """With the question to a person, unless it is whether something has happened."""
        if task.grant_id is not None:
            return False
        asked = [one for one in await self._store.list(Review, scope=task.id) if one.state is not ReviewState.CLOSED]
        return await self._drop(task, tuple(one.after(ReviewCommand.CLOSE) for one in asked))

    async def _drop(self, task: Task, closed: tuple[Record, ...]) -> bool:
        after = replace(task.after(TaskCommand.DROP), reason=WHY)
        data = {"campaign": task.campaign_id, "was": str(task.state), "reviews": [one.id for one in closed]}
        event = Event(kind=EventKind.TASK_CANCELLED, subject=task.id, at_us=await self._store.now_us(), data=data)
        await self._store.commit(Change(records=(after, *closed), events=(event,)))
        return True

    async def _withdraw(self, task: Task) -> bool:
        """A grant that effects has not begun with: void, and the money back. One that it has is settled as always."""
        if task.grant_id is None or self._is_busy(task.grant_id):
            return False
        seal = await self._store.find(Seal, task.grant_id)
        if seal is not None and seal.state is not SealState.READY:
            return False
        granted = Granted(task=task, grant=await self._store.get(Grant, task.grant_id))
        await self._settle.lapse(granted, seal, why=WHY, again=False)
        return True
