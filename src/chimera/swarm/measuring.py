"""Asks the network what came of posts whose ways the bandit chose, a while after they went out. Posts nothing."""

from __future__ import annotations

from typing import Any, cast

from msgspec.structs import replace

from chimera.domain.change import Change
from chimera.domain.errors import ChimeraError, Conflict, Missing, Unavailable
from chimera.domain.event import Event, EventKind
from chimera.domain.grant import Performance, PerformanceState
from chimera.domain.measurement import Measurement, MeasurementCommand
from chimera.domain.review import AFTERWARDS, Review
from chimera.domain.rhythm import STEADY, Rhythm
from chimera.domain.task import Task, TaskState
from chimera.domain.variants import MEASURED_AFTER_MINUTES, TIME, TIME_COUNTS_MINUTES
from chimera.ports.store import Store
from chimera.ports.tools_read import ToolsRead
from chimera.swarm.loops import log

MEASURED_AT_ONCE_MAX = 32
# So often a network is asked that does not answer, or that has lost the post.
LOOKS_MAX = 5
# How long it waits when nothing is due: by the network's day, and no busier than other loops.
IDLE_MINUTES, IDLE_SECONDS_MIN = 1, 0.5

Row = dict[str, Any]


class Measuring:
    """Every measurement is owed on record: what a crash leaves behind is asked for again."""

    def __init__(self, *, store: Store, tools: ToolsRead, rhythm: Rhythm = STEADY) -> None:
        self._store = store
        self._tools = tools
        self._rhythm = rhythm
        # What is due after an hour of the network may wait a minute of it more.
        self.idle_seconds = max(IDLE_SECONDS_MIN, rhythm.span_us(IDLE_MINUTES) / 1_000_000)

    async def once(self) -> bool:
        """One round over what is due; whether anything was."""
        now_us = await self._store.now_us()
        due = await self._store.list(Measurement, states=("owed",), due_before_us=now_us, limit=MEASURED_AT_ONCE_MAX)
        for one in due:
            try:
                await self._look(one, now_us)
            except Conflict:
                log.info("it was measured meanwhile, or did harm", measurement=one.id)
        return bool(due)

    async def _look(self, one: Measurement, now_us: int) -> None:
        task = await self._store.get(Task, one.task_id)
        if not task.is_final:
            return await self._later(one, now_us, looked=one.looked)
        known = replace(one, troubles=await self._troubles(task))
        performed = await self._store.find(Performance, task.grant_id) if task.grant_id else None
        if task.state is not TaskState.DONE or performed is None or performed.state is not PerformanceState.FINISHED:
            return await self._put(known, MeasurementCommand.GIVE_UP, now_us)
        try:
            row = await self._row(one, performed)
        except (Missing, Unavailable) as error:
            log.info("a post is measured later", task=task.id, why=str(error))
            return await self._later(known, now_us, looked=one.looked + 1)
        except ChimeraError as error:
            log.info("a post cannot be measured", task=task.id, why=str(error))
            return await self._put(known, MeasurementCommand.GIVE_UP, now_us)
        if row is None:
            return await self._later(known, now_us, looked=one.looked + 1)
        await self._put(_read(known, row, in_time=self._in_time(one, performed)), MeasurementCommand.MEASURE, now_us)

    async def _row(self, one: Measurement, performed: Performance) -> Row | None:
        """The post as the network shows it now, if it does."""
        post_id = str((performed.receipt or {}).get("id", ""))
        asked = {"platform": performed.platform, "thread_id": post_id}
        content = (await self._tools.call("thread", asked, agent_id=one.agent_id)).content
        found: object = content.get("posts")
        rows = [cast("Row", row) for row in cast("list[object]", found) if isinstance(row, dict)] \
            if isinstance(found, list) else []  # fmt: skip
        return next((row for row in rows if row.get("id") == post_id), None)

    async def _troubles(self, task: Task) -> tuple[str, ...]:
        """What its way to the public was like: sent back, held for a person, refused."""
        held = any(one.about != AFTERWARDS for one in await self._store.list(Review, scope=task.id))
        found = (("findings", task.revision > 0), ("held", held), ("refused", task.state is TaskState.REFUSED))
        return tuple(name for name, is_so in found if is_so)

    def _in_time(self, one: Measurement, performed: Performance) -> bool:
        return performed.started_at_us <= one.begins_at_us + self._rhythm.span_us(TIME_COUNTS_MINUTES)

    async def _later(self, one: Measurement, now_us: int, *, looked: int) -> None:
        if looked >= LOOKS_MAX:
            return await self._put(one, MeasurementCommand.GIVE_UP, now_us)
        due_us = now_us + self._rhythm.span_us(MEASURED_AFTER_MINUTES)
        after = replace(one.after(MeasurementCommand.WAIT), due_at_us=due_us, looked=looked)
        await self._commit(after, now_us)

    async def _put(self, one: Measurement, command: MeasurementCommand, now_us: int) -> None:
        await self._commit(one.after(command), now_us)

    async def _commit(self, after: Measurement, now_us: int) -> None:
        told = Event(kind=EventKind.POST_MEASURED, subject=after.task_id, at_us=now_us, data={
            "agent": after.agent_id, "campaign": after.campaign_id, "state": str(after.state),
            "variants": after.variants, "engagements": after.engagements, "troubles": after.troubles,
        })  # fmt: skip
        await self._store.commit(Change(records=(after,), events=(told,)))


def _read(one: Measurement, row: Row, *, in_time: bool) -> Measurement:
    variants = one.variants if in_time else {name: value for name, value in one.variants.items() if name != TIME}
    impressions = row.get("impressions")
    return replace(
        one, variants=variants, engagements=_count(row.get("likes")) + _count(row.get("replies")),
        impressions=_count(impressions) if isinstance(impressions, int) else None,
    )  # fmt: skip


def _count(value: object) -> int:
    """A network's figure, as far as it is one."""
    return max(0, value) if isinstance(value, int) and not isinstance(value, bool) else 0
