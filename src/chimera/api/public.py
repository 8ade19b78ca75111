"""What comes in from the public, with what became of it: conversations and trends. Their words stay labelled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from fastapi import Query
from msgspec import Struct

from chimera.api import paging
from chimera.api.paging import PAGE, Page
from chimera.api.route import Needs, Route
from chimera.api.words import Cursor, Id, Limit
from chimera.domain import ids
from chimera.domain.agent import Agent
from chimera.domain.attempt import Attempt
from chimera.domain.campaign import Campaign, Input
from chimera.domain.task import Task
from chimera.ports.views import Views

TASKS_MAX = 1_000
PAGES_MAX = 10
TREND_SPECS = ("trend.scan",)


class ConversationRow(Struct, frozen=True, kw_only=True):
    """Something that a stranger said to one of our accounts."""

    id: str
    state: str
    campaign_id: str
    agent_id: str
    kind: str
    platform: str
    author: str
    text: str
    threat: str
    labels: tuple[str, ...]
    at_us: int


class Answered(Struct, frozen=True, kw_only=True):
    """A task that answers it, with the reasoning that is on record."""

    task: Task
    attempts: tuple[Attempt, ...]


class ConversationItem(Struct, frozen=True, kw_only=True):
    """One thing that was said, whole, and what came of it."""

    row: ConversationRow
    input: Input
    answers: tuple[Answered, ...]


class TrendRow(Struct, frozen=True, kw_only=True):
    """What a look at the public's talk has found."""

    task_id: str
    campaign_id: str
    agent_id: str
    agent_name: str
    at_us: int
    output: dict[str, Any]
    confidence_bp: int


class PublicRoutes:
    """`/v1/conversations` and `/v1/trends`."""

    def __init__(self, *, views: Views) -> None:
        self._views = views

    def routes(self) -> Iterator[Route]:
        """What is served."""
        see = Needs("fleet.look")
        yield Route(method="GET", path="/v1/conversations", endpoint=self.list, needs=see, answer=Page[ConversationRow])
        yield Route(method="GET", path="/v1/conversations/{input_id}", endpoint=self.show, needs=see,
                    answer=ConversationItem)  # fmt: skip
        yield Route(method="GET", path="/v1/trends", endpoint=self.trends, name="list", needs=Needs("fleet.look"),
                    answer=Page[TrendRow])  # fmt: skip

    async def list(
        self, state: Annotated[Literal["", "admitted", "planned", "dropped"], Query()] = "",
        campaign: Annotated[str, Query(max_length=36, pattern=r"^[0-9a-f-]*$")] = "", cursor: Cursor = "",
        limit: Limit = PAGE,
    ) -> Page[ConversationRow]:  # fmt: skip
        """What was said to us, newest first."""
        found = await self._views.newest(Input, states=(state,) if state else (), scope=campaign or None, limit=limit,
                                         before=paging.place(cursor))  # fmt: skip
        campaigns = await self._views.get_many(Campaign, sorted({one.campaign_id for one in found}))
        agents = {one.id: one.agent_id for one in campaigns}
        return Page(items=tuple(_row(one, agents.get(one.campaign_id, "")) for one in found),
                    next=paging.encode(found[-1].id) if len(found) == limit else "")  # fmt: skip

    async def show(self, input_id: Id) -> ConversationItem:
        """One of them, with the tasks that answer it and what they were made from."""
        found = await self._views.get(Input, input_id)
        campaign = await self._views.find(Campaign, found.campaign_id)
        tasks = [task for task in await self._tasks(found) if task.input_id == found.id]
        answers = [Answered(task=task, attempts=await self._views.list(Attempt, scope=task.id)) for task in tasks]
        return ConversationItem(row=_row(found, campaign.agent_id if campaign else ""), input=found,
                                answers=tuple(answers))  # fmt: skip

    async def trends(self, cursor: Cursor = "", limit: Limit = PAGE) -> Page[TrendRow]:
        """What the fleet found the public talking about, newest first. A page may be short and still have a `next`."""
        looks, last = await self._looks(paging.place(cursor), limit)
        agents = await self._views.get_many(Agent, sorted({task.agent_id for task in looks}))
        names = {one.id: one.name for one in agents}
        rows = [_trend(attempt, names.get(task.agent_id, ""))
                for task in looks for attempt in await self._views.list(Attempt, scope=task.id)]  # fmt: skip
        return Page(items=tuple(rows), next=paging.encode(last) if last else "")

    async def _looks(self, before: str, limit: int) -> tuple[Sequence[Task], str]:
        """Tasks that looked for trends, and behind which task to go on. So much is looked through at once."""
        looks: list[Task] = []
        for _ in range(PAGES_MAX):
            tasks = await self._views.newest(Task, states=("done",), before=before, limit=TASKS_MAX)
            looks += [task for task in tasks if task.spec.name in TREND_SPECS]
            if len(looks) >= limit:
                return looks[:limit], looks[limit - 1].id
            if len(tasks) < TASKS_MAX:
                return looks, ""
            before = tasks[-1].id
        return looks, before

    async def _tasks(self, found: Input) -> tuple[Task, ...]:
        # Tasks that answer an input derive their ids from it, and so share the time that stands first in them.
        before = found.id[:13] + "-0000-0000-000000000000"
        return await self._views.list(Task, scope=found.campaign_id, after=before, limit=TASKS_MAX)


def _row(found: Input, agent_id: str) -> ConversationRow:
    payload = found.payload
    return ConversationRow(
        id=found.id, state=str(found.state), campaign_id=found.campaign_id, agent_id=agent_id, kind=found.kind,
        platform=str(payload.get("platform", "")), author=str(payload.get("author", "")),
        text=str(payload.get("text", "")), threat=found.threat, labels=found.labels, at_us=found.admitted_at_us,
    )  # fmt: skip


def _trend(attempt: Attempt, agent_name: str) -> TrendRow:
    task = attempt.assignment.task
    return TrendRow(task_id=task.id, campaign_id=task.campaign_id, agent_id=task.agent_id, agent_name=agent_name,
                    at_us=attempt.at_us or ids.at_us(attempt.id), output=attempt.draft.output,
                    confidence_bp=attempt.draft.confidence_bp)  # fmt: skip
