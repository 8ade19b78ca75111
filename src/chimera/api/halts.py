"""The kill switch over HTTP: what is halted or paused, beginning and ending it, and what it would stop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from fastapi import Query
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field

from chimera.api import paging
from chimera.api.guard import Who
from chimera.api.paging import PAGE, Page
from chimera.api.route import Needs, Route
from chimera.api.words import Cursor, Limit, Note
from chimera.domain import ids, scopes
from chimera.domain.agent import Agent
from chimera.domain.campaign import Campaign
from chimera.domain.halt import IN_FORCE, Halt
from chimera.governance.halts import Halts
from chimera.ports.views import ReviewQuery, Views

FLIGHT_MAX = 1_000
CAMPAIGNS_MAX = 1_000
_RUNNING = ("opened", "running", "paused")
ScopeText = Annotated[
    str, Field(max_length=scopes.LENGTH_MAX, description="fleet, or agent:ID, campaign:ID, platform:NAME, tool:NAME")
]


class HaltPreview(Struct, frozen=True, kw_only=True):
    """What a halt or a pause of a scope would stop. Figures of the moment; `sent_already` cannot be called back."""

    scope: str
    halted_already: bool
    covered_by: tuple[str, ...]
    agents: int
    campaigns: int
    tasks_moving: int | None
    reviews_waiting: int | None
    sent_already: int
    in_words: str


class NewHalt(BaseModel):
    """What to halt or pause, and why. After a pause nothing new is planned; what is under way is finished."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"scope": "platform:sandbox", "reason": "odd answers"}]}
    )

    scope: ScopeText
    reason: Note
    kind: Literal["halt", "pause"] = "halt"


class HaltEnd(BaseModel):
    """Which scope goes on."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"scope": "fleet"}]})

    scope: ScopeText


class HaltRoutes:
    """`/v1/halts`."""

    def __init__(self, *, views: Views, halts: Halts) -> None:
        self._views = views
        self._halts = halts

    def routes(self) -> Iterator[Route]:
        """What is served."""
        see, begin, end = Needs("fleet.look"), Needs("halt.set", narrowed=True), Needs("halt.lift", narrowed=True)
        yield Route(method="GET", path="/v1/halts", endpoint=self.list, needs=see, answer=Page[Halt])
        yield Route(method="GET", path="/v1/halts/preview", endpoint=self.preview, needs=see, answer=HaltPreview)
        yield Route(method="POST", path="/v1/halts", endpoint=self.begin, needs=begin, answer=Halt,
                    status=201)  # fmt: skip
        yield Route(method="POST", path="/v1/halts/end", endpoint=self.end, needs=end, answer=Halt)

    async def list(
        self, state: Annotated[Literal["in_force", "active", "paused", "lifted", "outlived"], Query()] = "in_force",
        cursor: Cursor = "", limit: Limit = PAGE,
    ) -> Page[Halt]:  # fmt: skip
        """Halts and pauses in force, those that were lifted, or those with nothing left to stop."""
        found = await self._views.list(Halt, states=IN_FORCE if state == "in_force" else (state,), limit=limit,
                                       after=paging.place(cursor))  # fmt: skip
        return Page(items=found, next=paging.encode(found[-1].id) if len(found) == limit else "")

    async def begin(self, given: NewHalt, who: Who) -> Halt:
        """Halt or pause a scope: from the commit on nothing begins there, or nothing new is planned there."""
        begin = self._halts.halt if given.kind == "halt" else self._halts.pause
        return await begin(given.scope, by=who, reason=given.reason)

    async def end(self, given: HaltEnd, who: Who) -> Halt:
        """Lift the halt of exactly this scope, and its pause."""
        return await self._halts.resume(given.scope, by=who)

    async def preview(
        self, scope: Annotated[str, Query(max_length=scopes.LENGTH_MAX, examples=["fleet"])],
        begins: Annotated[Literal["halt", "pause"], Query(alias="kind")] = "halt",
    ) -> HaltPreview:  # fmt: skip
        """What a halt or a pause of this scope would stop."""
        scope = scopes.parse(scope)
        kind, _, name = scope.partition(":")
        halted = await self._views.halted()
        agents, campaigns = await self._touched(kind, name)
        in_flight = await self._views.in_flight(limit=FLIGHT_MAX)
        sent = sum(_is_in(kind, name, one.campaign_id, one.platform, campaigns) for one in in_flight)
        moving = sum((await self._views.moving()).values()) if kind == "fleet" else None
        waiting = await self._waiting(kind, name)
        return HaltPreview(
            scope=scope, halted_already=scope in halted, covered_by=tuple(sorted(halted & {scopes.FLEET})),
            agents=len(agents), campaigns=len(campaigns), tasks_moving=moving, reviews_waiting=waiting,
            sent_already=sent, in_words=_in_words(begins, scope, len(agents), len(campaigns), sent),
        )  # fmt: skip

    async def _touched(self, kind: str, name: str) -> tuple[set[str], set[str]]:
        """The agents and campaigns in the scope, by id."""
        match kind:
            case "campaign":
                campaign = await self._views.find(Campaign, ids.parse(name, where="scope"))
                return ({campaign.agent_id}, {campaign.id}) if campaign else (set(), set())
            case "agent":
                identifier = ids.parse(name, where="scope")
                found = await self._views.list(Campaign, states=_RUNNING, scope=identifier)
                known = await self._views.find(Agent, identifier)
                return {identifier} if known else set(), {one.id for one in found}
            case _:
                found = await self._views.list(Campaign, states=_RUNNING, limit=CAMPAIGNS_MAX)
                mine = [one for one in found if kind == "fleet" or one.goal.platform == name]
                return {one.agent_id for one in mine}, {one.id for one in mine}

    async def _waiting(self, kind: str, name: str) -> int | None:
        match kind:
            case "fleet":
                return sum((await self._views.waiting_reviews()).values())
            case "agent":
                return len(await self._views.reviews(ReviewQuery(agent_id=name, limit=FLIGHT_MAX)))
            case _:
                return None


def _is_in(kind: str, name: str, campaign_id: str, platform: str, campaigns: set[str]) -> bool:
    match kind:
        case "fleet":
            return True
        case "platform":
            return platform == name
        case "agent" | "campaign":
            return campaign_id in campaigns
        case _:
            return False


def _in_words(kind: str, scope: str, agents: int, campaigns: int, sent: int) -> str:
    place = "the fleet" if scope == scopes.FLEET else scope
    touched = f"It touches {_counted(agents, 'agent')} and {_counted(campaigns, 'campaign')}."
    if kind == "pause":
        return (f"Nothing new is planned in {place} until somebody lets it go on. {touched} "
                "What is under way is finished, reviewed and let out as ever.")  # fmt: skip
    called = f" Under way and not to be called back: {_counted(sent, 'call')}; settled in any case." if sent else ""
    return (
        f"Nothing begins in {place} any more: no admission, dispatch, grant or act. {touched} Nothing is lost.{called}"
    )


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
