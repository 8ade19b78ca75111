"""One task, its whole life on one page, moving it to another time while it waits, trying it anew when it failed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo
from typing import Annotated, Literal

from fastapi import Query
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field, model_validator

from chimera.api import history, paging
from chimera.api.guard import Version, Who
from chimera.api.paging import PAGE, Page
from chimera.api.retelling import Retelling
from chimera.api.route import Needs, Route
from chimera.api.words import Cursor, Id, Limit, Note
from chimera.domain import civil
from chimera.domain.attempt import Attempt, in_turn
from chimera.domain.budget import Hold
from chimera.domain.campaign import Input
from chimera.domain.grant import Batch, Grant, Performance, Seal
from chimera.domain.review import Review
from chimera.domain.task import Task
from chimera.pipeline.redriving import Redriven, Redriving
from chimera.pipeline.rescheduling import Rescheduling
from chimera.ports.views import Views

EVENTS_MAX = 500
States = Literal["ready", "leased", "granted", "in_doubt", "held", "waiting", "done", "refused", "failed", "dropped"]


class Trace(Struct, frozen=True, kw_only=True):
    """A task's whole life: what it was made from, every attempt, what was decided, granted, sealed, done and spent."""

    task: Task
    input: Input | None
    attempts: tuple[Attempt, ...]
    reviews: tuple[Review, ...]
    grant: Grant | None
    hold: Hold | None
    seal: Seal | None
    batch: Batch | None
    performance: Performance | None
    events: tuple[history.EventLine, ...]


class Dead(Struct, frozen=True, kw_only=True):
    """Tasks that were given up and are not tried anew, oldest first. `more`: there are others behind these."""

    tasks: tuple[Task, ...]
    more: bool


class Redrive(BaseModel):
    """Why it should go better now."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "the model is back"}]})

    reason: Note


class NewTime(BaseModel):
    """A moment, or what the clocks of the fleet's time zone show then (`which`, when they show it twice)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"local": "2026-11-21T08:00"}, {"at_us": 1_795_000_000_000_000}]},
    )

    at_us: Annotated[int, Field(ge=0, le=10**16)] = 0
    local: Annotated[str, Field(max_length=civil.LOCAL_LENGTH_MAX)] = ""
    which: Literal["", "first", "second"] = ""

    @model_validator(mode="after")
    def one_of_both(self) -> NewTime:
        """Either, and not both."""
        if bool(self.at_us) == bool(self.local):
            raise ValueError("give at_us or local")
        return self

    def moment_in(self, zone: tzinfo) -> int:
        """The moment (microseconds since 1970)."""
        return self.at_us or civil.moment_of(self.local, zone, which=self.which)


class TaskRoutes:
    """`/v1/tasks`."""

    def __init__(
        self, *, views: Views, retelling: Retelling, rescheduling: Rescheduling, redriving: Redriving, zone: tzinfo
    ) -> None:
        self._redriving = redriving
        self._views = views
        self._retelling = retelling
        self._rescheduling = rescheduling
        self._zone = zone

    def routes(self) -> Iterator[Route]:
        """What is served."""
        see = Needs("fleet.look")
        yield Route(method="GET", path="/v1/tasks/dead", endpoint=self.dead, needs=see, answer=Dead)
        yield Route(method="GET", path="/v1/tasks", endpoint=self.list, needs=see, answer=Page[Task])
        yield Route(method="GET", path="/v1/tasks/{task_id}", endpoint=self.show, needs=see, answer=Task)
        yield Route(method="POST", path="/v1/tasks/{task_id}/reschedule", endpoint=self.reschedule, answer=Task,
                    needs=Needs("goal.give"))  # fmt: skip
        yield Route(method="POST", path="/v1/tasks/{task_id}/redrive", endpoint=self.redrive, answer=Redriven,
                    needs=Needs("goal.give"), status=201)  # fmt: skip
        yield Route(method="GET", path="/v1/tasks/{task_id}/trace", endpoint=self.trace, needs=see, answer=Trace)

    async def list(
        self,
        state: Annotated[States, Query()],
        campaign: Annotated[str, Query(max_length=36, pattern=r"^[0-9a-f-]*$")] = "",
        cursor: Cursor = "",
        limit: Limit = PAGE,
    ) -> Page[Task]:
        """Tasks in a state, by id."""
        found = await self._views.list(Task, states=(state,), scope=campaign or None, limit=limit,
                                       after=paging.place(cursor))  # fmt: skip
        return Page(items=found, next=paging.encode(found[-1].id) if len(found) == limit else "")

    async def show(self, task_id: Id) -> Task:
        """One task."""
        return await self._views.get(Task, task_id)

    async def reschedule(self, task_id: Id, given: NewTime, version: Version, who: Who) -> Task:
        """Move a task that has not begun: it begins no earlier than that. What has begun is not moved."""
        to_us = given.moment_in(self._zone)
        return await self._rescheduling.move(task_id, to_us=to_us, version=version, by=who.name)

    async def dead(self, limit: Limit = PAGE) -> Dead:
        """What was given up and is not tried anew, with the reason of each."""
        found = await self._redriving.dead(most=limit + 1)
        return Dead(tasks=found[:limit], more=len(found) > limit)

    async def redrive(self, task_id: Id, given: Redrive, who: Who) -> Redriven:
        """Try a failed task anew, once: as another task under today's policy, limits and budget, with what waited."""
        return await self._redriving.redrive(task_id, by=who, why=given.reason)

    async def trace(self, task_id: Id, who: Who) -> Trace:
        """One task's whole life."""
        views = self._views
        task = await views.get(Task, task_id)
        grant = await views.find(Grant, task.grant_id) if task.grant_id else None
        seal = await views.find(Seal, grant.id) if grant else None
        return Trace(
            task=task,
            input=await views.find(Input, task.input_id) if task.input_id else None,
            attempts=in_turn(await views.list(Attempt, scope=task_id)),
            reviews=await views.list(Review, scope=task_id),
            grant=grant,
            hold=await views.find(Hold, grant.hold_id) if grant and grant.hold_id else None,
            seal=seal,
            batch=await views.find(Batch, seal.batch_id) if seal else None,
            performance=await views.find(Performance, grant.id) if grant else None,
            events=await self._retelling.about(who, task_id, limit=EVENTS_MAX),
        )
