"""What an act leaves behind: the money captured or given back, the task ended, what waited for it opened."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from chimera.domain import ids
from chimera.domain.attempt import Attempt, latest
from chimera.domain.budget import Hold, HoldState, Movement
from chimera.domain.change import Change
from chimera.domain.decision import REVIEW_AFTER, Question
from chimera.domain.errors import Refused
from chimera.domain.event import Event, EventKind
from chimera.domain.grant import Grant, Performance, PerformanceState, Seal, SealCommand
from chimera.domain.granted import Granted
from chimera.domain.record import Record
from chimera.domain.review import AFTERWARDS, AFTERWARDS_SECONDS, REVIEW_SECONDS, Review, ReviewState
from chimera.domain.task import Task, TaskCommand, TaskState
from chimera.pipeline.settling import followers
from chimera.ports.clock import Clock
from chimera.ports.store import Store

# A network that declines for a quarter of an hour is not asked for ever: every try is worked out and judged anew.
TRIES_MAX = 20
PAUSE_SECONDS_MAX = 60


class Settle:
    """Writes as the manager of the task's shard."""

    def __init__(self, *, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def finish(self, granted: Granted, performance: Performance | None) -> Task | None:
        """Settle a granted task by what is known of its act (None: it stayed in the house). None while nothing is."""
        if performance is None and not granted.grant.action.is_internal:
            raise Refused(
                "performance_missing",
                "nothing is known of this act",
                where=granted.grant.id,
                remedy="nothing to do: this is a fault of ours",
            )
        state = performance.state if performance else PerformanceState.FINISHED
        match state:
            case PerformanceState.FINISHED:
                return await self._done(granted)
            case PerformanceState.FAILED:
                assert performance is not None, "an act that failed was an act"
                return await self._failed(granted, performance)
            case PerformanceState.IN_DOUBT:
                assert performance is not None, "an act in doubt was an act"
                return await self._doubtful(granted.task, performance)
            case PerformanceState.STARTED:
                return None

    async def lapse(self, granted: Granted, seal: Seal | None, *, why: str, again: bool) -> Task:
        """A grant that will never be used: hold back, seal void, and the task is tried anew or refused."""
        task, grant = granted.task, granted.grant
        # No worker's limit of attempts ends an order: a vault that never seals it would have it asked about for ever.
        again = again and not (task.order and task.attempt >= TRIES_MAX)
        holds, movements = await self._released(granted)
        gone = () if again else await followers.dropped(self._store, task)
        after = replace(
            task.again() if again else task.after(TaskCommand.REFUSE),
            due_at_us=self._clock.now_us(),
            grant_id=None,
            reason=why[:500],
        )
        void = (seal.after(SealCommand.EXPIRE if again else SealCommand.WITHDRAW),) if seal else ()
        event = Event(
            kind=EventKind.GRANT_LAPSED,
            subject=task.id,
            at_us=self._clock.now_us(),
            data={"grant": grant.id, "why": why[:500], "again": again},
        )
        await self._store.commit(Change(records=(after, *void, *holds, *gone), events=(event,), movements=movements))
        return after

    def in_house(self, granted: Granted) -> tuple[Task, Change] | None:
        """The end of a task whose act stays in the house, where nothing has to be read for it: it rides with a seal."""
        task, grant, hold = granted.task, granted.grant, granted.hold
        if not grant.action.is_internal or task.opens or (hold is None) != (grant.hold_id is None):
            return None
        after = task.after(TaskCommand.FINISH)
        event = self._settled(after, spent_micros=grant.action.cost_micros)
        if hold is None:
            return after, Change(records=(after,), events=(event,))
        captured, movements = hold.captured(grant.action.cost_micros)
        return after, Change(records=(after, captured), events=(event,), movements=movements)

    async def _done(self, granted: Granted) -> Task:
        task, grant = granted.task, granted.grant
        after = task.after(TaskCommand.FINISH)
        holds, movements = await self._captured(granted)
        opened = await self.opened(task)
        event = self._settled(after, spent_micros=grant.action.cost_micros)
        owed = await self._owed(granted) if REVIEW_AFTER in grant.obligations else ()
        events = (event, *(self._owing(review) for review in owed))
        records = (after, *holds, *opened, *owed)
        await self._store.commit(Change(records=records, events=events, movements=movements))
        return after

    async def _owed(self, granted: Granted) -> tuple[Review, ...]:
        """The look that a person owes to what went out without one."""
        task, grant = granted.task, granted.grant
        asked = await self._newest(task)
        if asked is None or asked.question is None or grant.action.is_internal:
            return ()
        now_us = self._clock.now_us()
        review = Review(
            id=ids.derive(grant.id, AFTERWARDS),
            task_id=task.id,
            campaign_id=task.campaign_id,
            agent_id=task.agent_id,
            # The bytes that went out; a person may have edited those that were drafted.
            question=msgspec.structs.replace(asked.question, action=grant.action),
            reasons=grant.reasons,
            role="reviewer",
            opened_at_us=now_us,
            deadline_us=now_us + AFTERWARDS_SECONDS * 1_000_000,
            about=AFTERWARDS,
            policy=grant.terms.policy_digest,
            grant_id=grant.id,
            state=ReviewState.OWED,
        )
        return (review,)

    def _owing(self, review: Review) -> Event:
        data = {"review": review.id, "about": review.about, "grant": review.grant_id, "digest": review.action_digest}
        return Event(kind=EventKind.REVIEW_OWED, subject=review.task_id, at_us=review.opened_at_us, data=data)

    async def _newest(self, task: Task) -> Attempt | None:
        return latest(await self._store.list(Attempt, scope=task.id))

    async def _question_of(self, task: Task, performance: Performance) -> Question:
        """What was asked before the act: by its attempt, or by the person who ordered it."""
        newest = await self._newest(task)
        if newest is not None and newest.question is not None:
            return newest.question
        grant = await self._store.get(Grant, performance.id)
        ordered = await self._store.get(Review, task.order)
        return msgspec.structs.replace(ordered.question, action=grant.action, task_id=task.id)

    async def opened(self, task: Task) -> tuple[Task, ...]:
        """What waited for a task whose act has happened."""
        if not task.opens:
            return ()
        newest = await self._newest(task)
        assert newest is not None, "only what was worked on opens anything"
        return await followers.opened(self._store, task, attempt_id=newest.id, labels=newest.draft.labels)

    async def _failed(self, granted: Granted, performance: Performance) -> Task:
        """Certainly not done: later again with a new grant, or never."""
        task = granted.task
        holds, movements = await self._released(granted)
        if performance.later and task.attempt < TRIES_MAX:
            after = replace(
                task.again(),
                due_at_us=self._clock.now_us() + _pause_us(task),
                grant_id=None,
                reason=performance.reason,
            )
            gone: tuple[Task, ...] = ()
        else:
            after = replace(task.after(TaskCommand.FAIL), reason=performance.reason)
            gone = await followers.dropped(self._store, task)
        event = self._settled(after, spent_micros=0)
        await self._store.commit(Change(records=(after, *holds, *gone), events=(event,), movements=movements))
        return after

    async def _doubtful(self, task: Task, performance: Performance) -> Task:
        """Nobody knows: the task waits, with its money still held, until the network or a person says."""
        if task.state is TaskState.IN_DOUBT:
            return task
        after = replace(task.after(TaskCommand.DOUBT), reason=performance.reason)
        await self._store.commit(Change(records=(after,), events=(self._settled(after, spent_micros=0),)))
        return after

    async def ask_person(self, task: Task, performance: Performance) -> Review:
        """Neither we nor the network can tell: a person says whether it happened."""
        question = await self._question_of(task, performance)
        now_us = self._clock.now_us()
        review = Review(
            id=ids.derive(task.id, "doubt", str(task.version)),
            task_id=task.id,
            campaign_id=task.campaign_id,
            agent_id=task.agent_id,
            question=question,
            reasons=(performance.reason,),
            role="reviewer",
            opened_at_us=now_us,
            deadline_us=now_us + REVIEW_SECONDS * 1_000_000,
            about="doubt",
        )
        after = task.after(TaskCommand.ESCALATE)
        event = Event(
            kind=EventKind.ACTION_ESCALATED,
            subject=task.id,
            at_us=now_us,
            data={"review": review.id, "about": "doubt", "why": performance.reason},
        )
        await self._store.commit(Change(records=(after, review), events=(event,)))
        return review

    async def _captured(self, granted: Granted) -> tuple[tuple[Record, ...], tuple[Movement, ...]]:
        hold = await self._hold_of(granted)
        if hold is None:
            return (), ()
        captured, movements = hold.captured(granted.grant.action.cost_micros)
        return (captured,), movements

    async def _released(self, granted: Granted) -> tuple[tuple[Record, ...], tuple[Movement, ...]]:
        hold = await self._hold_of(granted)
        if hold is None:
            return (), ()
        released, movements = hold.released()
        return (released,), movements

    async def _hold_of(self, granted: Granted) -> Hold | None:
        if granted.grant.hold_id is None:
            return None
        hold = granted.hold or await self._store.get(Hold, granted.grant.hold_id)
        return hold if hold.state is HoldState.HELD else None

    def _settled(self, after: Task, *, spent_micros: int) -> Event:
        return Event(
            kind=EventKind.TASK_SETTLED,
            subject=after.id,
            at_us=self._clock.now_us(),
            data={
                "state": str(after.state),
                "spent_micros": spent_micros,
                "grant": after.grant_id or "",
                "campaign": after.campaign_id,
                "spec": str(after.spec),
            },
        )


def _pause_us(task: Task) -> int:
    """Twice as long with every try."""
    return min(PAUSE_SECONDS_MAX, 2 ** min(task.attempt, 10) // 2) * 1_000_000
