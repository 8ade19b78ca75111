"""Lists tasks that were given up, and has them tried anew for a person. Writes as the office; grants nothing.

A task that failed stays as it is: what is tried is a new one with the same input, and the same limits, budget and gate
before it. What may have happened is not tried anew, and a task is tried anew once: nothing is done twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from chimera.domain import canonical, ids, scopes
from chimera.domain.campaign import Campaign, CampaignState
from chimera.domain.change import Change
from chimera.domain.errors import Conflict, Missing, Refused
from chimera.domain.event import Event, EventKind
from chimera.domain.grant import Performance, PerformanceState
from chimera.domain.person import Principal
from chimera.domain.review import Review, ReviewState
from chimera.domain.task import TIME_OVER, Task, TaskState
from chimera.domain.verbs import Resource
from chimera.governance.identity.permits import Permits
from chimera.ports.store import LIST_MAX, Store

FOLLOWERS_MAX = 200
DOUBT = "doubt"


class Redriven(Struct, frozen=True, kw_only=True):
    """The task that is tried, and what waits for it again."""

    task: Task
    followers: tuple[Task, ...]


class Declined(Struct, frozen=True, kw_only=True):
    """A task that is not tried anew, and why."""

    task_id: str
    code: str
    why: str


class Summary(Struct, frozen=True, kw_only=True):
    """What came of several: tried, declined, and how many were not looked at since enough are tried."""

    redriven: tuple[tuple[str, Redriven], ...]
    declined: tuple[Declined, ...]
    left_count: int


class Redriving:
    """Failed tasks, one at a time, in somebody's name."""

    def __init__(self, *, store: Store, permits: Permits) -> None:
        self._store = store
        self._permits = permits

    async def dead(self, *, task_type: str = "", campaign_id: str = "", most: int | None = None) -> tuple[Task, ...]:
        """Tasks that were given up and are not tried anew, oldest first: so many, of a type or campaign."""
        found: list[Task] = []
        after = ""
        while page := await self._store.list(Task, states=("failed",), scope=campaign_id or None, after=after):
            tried = {one.id for one in await self._store.get_many(Task, [_anew(task) for task in page])}
            found.extend(task for task in page if _anew(task) not in tried and task_type in ("", task.spec.name))
            after = page[-1].id
            if most is not None and len(found) >= most:
                break
        return tuple(found[:most])

    async def redrive_each(self, task_ids: Iterable[str], *, by: Principal, why: str, most: int) -> Summary:
        """Try them anew one by one, until so many are tried. Each stands for itself: one declined stops no other."""
        redriven: list[tuple[str, Redriven]] = []
        declined: list[Declined] = []
        waiting = list(dict.fromkeys(task_ids))
        while waiting and len(redriven) < most:
            task_id = waiting.pop(0)
            try:
                redriven.append((task_id, await self.redrive(task_id, by=by, why=why)))
            except (Refused, Conflict, Missing) as no:
                declined.append(Declined(task_id=task_id, code=no.code, why=no.message))
        return Summary(redriven=tuple(redriven), declined=tuple(declined), left_count=len(waiting))

    async def redrive(self, task_id: str, *, by: Principal, why: str) -> Redriven:
        """Try it anew, with everything that was dropped because of it."""
        canonical.require_text(why, where="reason")
        task = await self._store.get(Task, task_id)
        about = Resource(kind="task", id=task.id, agent=task.agent_id, campaign=task.campaign_id)
        self._permits.require(by, "goal.give", about)
        now_us = await self._store.now_us()
        await self._require_dead(task, now_us)
        await self._require_undone(task)
        again = (task, *await self._followers(task))
        anew = {one.id: _anew(one) for one in again}
        first, *rest = (_copy(one, anew) for one in again)
        begun = replace(first, state=TaskState.READY, due_at_us=now_us)
        data = {"from": task.id, "campaign": task.campaign_id, "by": by.name, "why": why[:500], "was": task.reason,
                "followers": [one.id for one in rest]}  # fmt: skip
        event = Event(kind=EventKind.TASK_REDRIVEN, subject=begun.id, at_us=now_us, data=data)
        places = (scopes.FLEET, scopes.campaign(task.campaign_id), scopes.agent(task.agent_id))
        await self._store.commit(Change(records=(begun, *rest), events=(event,), begins_in=places))
        return Redriven(task=begun, followers=tuple(rest))

    async def _require_dead(self, task: Task, now_us: int) -> None:
        if task.state is not TaskState.FAILED:
            raise Refused("task_not_dead", f"the task is {task.state}: only one that failed is tried anew",
                          where=task.id, remedy="chimera task dead lists them")  # fmt: skip
        if await self._store.find(Task, _anew(task)) is not None:
            raise Conflict("task_redriven", "the task was tried anew already", where=_anew(task),
                           remedy="look at that one")  # fmt: skip
        campaign = await self._store.get(Campaign, task.campaign_id)
        is_running = campaign.state is CampaignState.RUNNING
        if not is_running or task.is_past(now_us):
            raise Refused("task_not_dead", TIME_OVER if is_running else f"its campaign is {campaign.state}",
                          where=campaign.id, remedy="open another campaign for what is still wanted")  # fmt: skip

    async def _require_undone(self, task: Task) -> None:
        """An act that was begun is done again only where it certainly did not happen: the network or a person said so.

        Where nobody said so in time the task has failed as well, and the act may still have happened.
        """
        begun = await self._store.find(Performance, task.grant_id) if task.grant_id else None
        if begun is None or begun.state is PerformanceState.FAILED:
            return
        asked = await self._store.list(Review, scope=task.id)
        if not any(one.about == DOUBT and one.outcome == str(ReviewState.REJECTED) for one in asked):
            raise Refused("act_in_doubt", "nobody knows whether its act has happened, and it would be done again",
                          where=begun.id, remedy="look at the account; if it is missing, give a goal")  # fmt: skip

    async def _followers(self, task: Task) -> Sequence[Task]:
        """What was dropped because this failed, and waits for nothing else that will never come."""
        back: dict[str, Task] = {}
        frontier: Sequence[str] = task.opens
        while frontier and len(back) < FOLLOWERS_MAX:
            dropped = [one for one in await self._store.get_many(Task, tuple(frontier)[:LIST_MAX])
                       if one.state is TaskState.DROPPED and one.id not in back]  # fmt: skip
            fit = [one for one in dropped if await self._has_all_else(one, task, back)]
            back |= {one.id: one for one in fit}
            frontier = sorted({later for one in fit for later in one.opens})
        return tuple(back.values())

    async def _has_all_else(self, follower: Task, task: Task, back: dict[str, Task]) -> bool:
        """Whether everything that it waits for has come, and was counted, or is tried anew with it."""
        others = tuple(one for one in follower.awaits if one != task.id and one not in back)
        done = [one for one in await self._store.get_many(Task, others) if one.state is TaskState.DONE]
        return len(done) == len(others) and follower.pending == len(follower.awaits) - len(others)


def _anew(task: Task) -> str:
    return ids.derive(task.id, "redrive")


def _copy(task: Task, anew: dict[str, str]) -> Task:
    """The same task as it was first planned, under an id of its own, in the same place among those tried anew."""
    return replace(
        task, id=anew[task.id], version=1, state=TaskState.WAITING, grant_id=None, reason="", due_at_us=0, choice=None,
        awaits=tuple(anew.get(one, one) for one in task.awaits), attempt=0, revision=0, feedback=(),
        opens=tuple(anew[one] for one in task.opens if one in anew),
    )  # fmt: skip
