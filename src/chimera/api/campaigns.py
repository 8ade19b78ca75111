"""Campaigns: the list, one of them, its plan as a graph, opening one from a goal, cancelling. Intake decides."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo
from typing import Annotated, Literal

from fastapi import Query
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field

from chimera.api import paging
from chimera.api.fleet import WindowShown, shown_window
from chimera.api.guard import Version, Who
from chimera.api.paging import PAGE, Page
from chimera.api.route import Needs, Route
from chimera.api.tasks import NewTime
from chimera.api.words import Cursor, Id, IdFilter, Limit, Micros, Note, require_id
from chimera.domain import budget, ids, scopes
from chimera.domain.agent import Agent
from chimera.domain.campaign import Campaign, Goal, Input
from chimera.domain.stages import Waiting
from chimera.domain.task import Task
from chimera.pipeline.intake import Intake
from chimera.pipeline.steering import Steering
from chimera.ports.views import Views

PLAN_MAX = 1_000
StateFilter = Annotated[Literal["", "opened", "running", "paused", "finished", "cancelled"], Query()]


class CampaignRow(Struct, frozen=True, kw_only=True):
    """One line of the list. `stage` is how far it is; `waiting`, what a person is to look at before it goes on."""

    id: str
    version: int
    state: str
    agent_id: str
    agent_name: str
    goal: Goal
    plans: int
    opened_at_us: int
    halted: bool
    stage: str
    waiting: Waiting | None = None


class CampaignItem(CampaignRow, frozen=True, kw_only=True):
    """One campaign with its money and how far its tasks are."""

    window: WindowShown | None
    tasks: dict[str, int]
    tasks_counted: int


class Node(Struct, frozen=True, kw_only=True):
    """One task of the plan. `after` are the tasks that it waited for."""

    id: str
    key: str
    spec: str
    state: str
    after: tuple[str, ...]
    due_at_us: int
    attempt: int
    revision: int
    reason: str
    input_id: str | None


class PlanGraph(Struct, frozen=True, kw_only=True):
    """The plan as a graph: nodes by id, an edge from each of `after` to the node. `next` goes on beyond the limit."""

    campaign_id: str
    nodes: tuple[Node, ...]
    next: str = ""


class NewGoal(BaseModel):
    """What is wanted, from whom, within which budget; `begins`, unless it is to begin at once; `ends`, after which
    nothing of it goes out; `urgent`, where its steps go before others'; how often posts that did not go out are planned
    anew by themselves.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{
            "text": "Keep players company: news first, banter second.", "agent": "0193f3a8-7c00-7a11-8b22-0123456789ab",
            "platform": "sandbox", "budget_micros": 5_000_000, "posts": 6, "constraints": [],
        }]},
    )  # fmt: skip

    text: Annotated[str, Field(min_length=1, max_length=2_000)]
    agent: Annotated[str, Field(max_length=36)]
    platform: Annotated[str, Field(min_length=1, max_length=32, pattern=r"^[a-z][a-z0-9_-]*$")]
    budget_micros: Micros
    posts: Annotated[int, Field(ge=1, le=100)] = 1
    constraints: Annotated[list[Annotated[str, Field(max_length=500)]], Field(max_length=20)] = []
    begins: NewTime | None = None
    ends: NewTime | None = None
    urgent: bool = False
    replans: Annotated[int, Field(ge=0, le=3)] = 0
    engagements_per_post_millis: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    measured_after_seconds: Annotated[int, Field(ge=0, le=2_592_000)] = 3_600


class Wish(BaseModel):
    """What should be planned instead of what has not begun."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"wish": "Only 3 posts more, all about the new map."}]}
    )

    wish: Annotated[str, Field(min_length=1, max_length=2_000)]


class Cancellation(BaseModel):
    """Why a campaign is cancelled."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "the launch has moved"}]})

    reason: Note


class Seen(BaseModel):
    """What somebody saw who lets a campaign on."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"note": "It is what we meant."}]})

    note: Annotated[str, Field(max_length=2_000)] = ""


class CampaignRoutes:
    """`/v1/campaigns`."""

    def __init__(self, *, views: Views, intake: Intake, steering: Steering, zone: tzinfo) -> None:
        self._steering = steering
        self._zone = zone
        self._views = views
        self._intake = intake

    def routes(self) -> Iterator[Route]:
        """What is served."""
        see, change, one = Needs("fleet.look"), Needs("goal.give"), "/v1/campaigns/{campaign_id}"
        yield Route(method="GET", path="/v1/campaigns", endpoint=self.list, needs=see, answer=Page[CampaignRow])
        yield Route(method="POST", path="/v1/campaigns", endpoint=self.open, needs=change, answer=Campaign, status=201)
        yield Route(method="GET", path=one, endpoint=self.show, needs=see, answer=CampaignItem)
        yield Route(method="GET", path=f"{one}/plan", endpoint=self.plan, needs=see, answer=PlanGraph)
        yield Route(method="POST", path=f"{one}/replan", endpoint=self.replan, needs=change, answer=Input, status=202)
        yield Route(method="POST", path=f"{one}/cancel", endpoint=self.cancel, needs=change, answer=Campaign)
        yield Route(method="POST", path=f"{one}/resume", endpoint=self.resume, needs=change, answer=Campaign)
        yield Route(method="POST", path=f"{one}/refuse", endpoint=self.refuse, needs=change, answer=Campaign)
        yield Route(method="POST", path=f"{one}/finish", endpoint=self.finish, needs=change, answer=Campaign)

    async def list(
        self, agent: IdFilter = "", state: StateFilter = "", cursor: Cursor = "", limit: Limit = PAGE
    ) -> Page[CampaignRow]:
        """Campaigns, those that were opened last first."""
        found = await self._views.newest(Campaign, states=(state,) if state else (), scope=agent or None, limit=limit,
                                         before=paging.place(cursor))  # fmt: skip
        agents = await self._views.get_many(Agent, sorted({one.agent_id for one in found}))
        names, halted = {one.id: one.name for one in agents}, await self._views.halted()
        rows = tuple(_row(one, names.get(one.agent_id, ""), halted) for one in found)
        return Page(items=rows, next=paging.encode(found[-1].id) if len(found) == limit else "")

    async def open(self, given: NewGoal, who: Who) -> Campaign:
        """Open a campaign from a goal. The planner takes it from here."""
        goal = Goal(text=given.text, agent=require_id(given.agent, where="agent"), platform=given.platform,
                    budget_micros=given.budget_micros, posts=given.posts, replans=given.replans,
                    engagements_per_post_millis=given.engagements_per_post_millis,
                    measured_after_seconds=given.measured_after_seconds, constraints=tuple(given.constraints),
                    begins_at_us=given.begins.moment_in(self._zone) if given.begins else 0,
                    ends_at_us=given.ends.moment_in(self._zone) if given.ends else 0, urgent=given.urgent)  # fmt: skip
        return await self._intake.open_campaign(goal, by=who.name)

    async def show(self, campaign_id: Id) -> CampaignItem:
        """One campaign: its goal, its money, its tasks by state."""
        campaign = await self._views.get(Campaign, campaign_id)
        agent = await self._views.find(Agent, campaign.agent_id)
        window = budget.window_id(scopes.campaign(campaign.id), "total", "total")
        windows = await self._views.windows((window,))
        tasks = await self._views.list(Task, scope=campaign.id, limit=PLAN_MAX)
        counts: dict[str, int] = {}
        for task in tasks:
            counts[str(task.state)] = counts.get(str(task.state), 0) + 1
        row = _row(campaign, agent.name if agent else "", await self._views.halted())
        return CampaignItem(
            id=row.id, version=row.version, state=row.state, agent_id=row.agent_id, agent_name=row.agent_name,
            goal=row.goal, plans=row.plans, opened_at_us=row.opened_at_us, halted=row.halted,
            stage=row.stage, waiting=row.waiting,
            window=shown_window(windows[0]) if windows else None, tasks=counts, tasks_counted=len(tasks),
        )  # fmt: skip

    async def plan(self, campaign_id: Id, cursor: Cursor = "", limit: Limit = paging.PAGE_MAX) -> PlanGraph:
        """The plan as a graph of tasks with their states."""
        await self._views.get(Campaign, campaign_id)
        tasks = await self._views.list(Task, scope=campaign_id, limit=limit, after=paging.place(cursor))
        return PlanGraph(campaign_id=campaign_id, nodes=tuple(map(_node, tasks)),
                         next=paging.encode(tasks[-1].id) if len(tasks) == limit else "")  # fmt: skip

    async def replan(self, campaign_id: Id, given: Wish, who: Who) -> Input:
        """Ask for another plan in place of the steps that have not begun. What has begun goes on."""
        return await self._intake.ask_for_plan(campaign_id, wish=given.wish, by=who.name)

    async def cancel(self, campaign_id: Id, given: Cancellation, version: Version, who: Who) -> Campaign:
        """Cancel a campaign: nothing begins in it any more. What was already sent is settled."""
        return await self._intake.cancel_campaign(campaign_id, by=who.name, reason=given.reason, version=version)

    async def resume(self, campaign_id: Id, given: Seen, version: Version, who: Who) -> Campaign:
        """Let a campaign on that waits for a person behind a stage of its manifest."""
        return await self._steering.resume(campaign_id, by=who.name, note=given.note, version=version)

    async def refuse(self, campaign_id: Id, given: Cancellation, version: Version, who: Who) -> Campaign:
        """Say no to a campaign that waits: it is cancelled, and nothing begins in it any more."""
        return await self._steering.refuse(campaign_id, by=who.name, note=given.reason, version=version)

    async def finish(self, campaign_id: Id, version: Version, who: Who) -> Campaign:
        """End a campaign whose work is done: nobody is answered any more, and what came of it is put together."""
        return await self._steering.finish(campaign_id, by=who.name, version=version)


def _row(campaign: Campaign, agent_name: str, halted: frozenset[str]) -> CampaignRow:
    return CampaignRow(
        id=campaign.id, version=campaign.version, state=str(campaign.state), agent_id=campaign.agent_id,
        agent_name=agent_name, goal=campaign.goal, plans=campaign.plans, opened_at_us=ids.at_us(campaign.id),
        halted=scopes.campaign(campaign.id) in halted, stage=str(campaign.course), waiting=campaign.waiting,
    )  # fmt: skip


def _node(task: Task) -> Node:
    return Node(id=task.id, key=task.key, spec=str(task.spec.name), state=str(task.state), after=task.awaits,
                due_at_us=task.due_at_us, attempt=task.attempt, revision=task.revision, reason=task.reason,
                input_id=task.input_id)  # fmt: skip
