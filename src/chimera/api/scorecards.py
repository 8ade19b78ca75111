"""Scorecards: what each version of an agent came to before the same crowds. Shows counts; people judge."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field

from chimera.api.guard import Who
from chimera.api.route import Needs, Route
from chimera.api.words import Id
from chimera.domain.agent import Agent
from chimera.domain.scorecard import Scorecard, Trial
from chimera.ports.views import Views
from chimera.rehearsal.scorecards import Rehearsals

WHOLE = 1_000_000


class ScorecardShown(Struct, frozen=True, kw_only=True):
    """One version in one scenario. `*_millionths`: engagements per impression, in millionths."""

    package_version: str
    digest: str
    in_force: bool
    scenario: str
    days: int
    people: int
    posts_per_day: int
    hours: int
    pictures: bool
    posts: int
    impressions: int
    engagements: int
    rate_millionths: int
    chance_millionths: int
    trials: tuple[Trial, ...]
    rehearsed_by: str
    rehearsed_at_us: int


class Scorecards(Struct, frozen=True, kw_only=True):
    """The cards of one agent, in the order of their rehearsals."""

    items: tuple[ScorecardShown, ...]


class RehearsalWanted(BaseModel):
    """In which scenario the versions of an agent are to be rehearsed."""

    model_config = ConfigDict(extra="forbid")

    scenario: Annotated[str, Field(max_length=40, pattern=r"^[a-z][a-z0-9_]*$", examples=["week"])] = "week"


class ScorecardRoutes:
    """`/v1/agents/{id}/scorecards`."""

    def __init__(self, *, views: Views, rehearsals: Rehearsals) -> None:
        self._views = views
        self._rehearsals = rehearsals

    def routes(self) -> Iterator[Route]:
        """What is served."""
        path = "/v1/agents/{agent_id}/scorecards"
        yield Route(
            method="GET", path=path, endpoint=self.show, name="scorecards", needs=Needs("fleet.look"), answer=Scorecards
        )
        yield Route(method="POST", path=path, endpoint=self.rehearse, needs=Needs("agent.change"), answer=Scorecards)

    async def show(self, agent_id: Id) -> Scorecards:
        """What the versions of an agent came to, as far as they were rehearsed."""
        agent = await self._views.get(Agent, agent_id)
        return _shown(agent, await self._views.list(Scorecard, scope=agent.id))

    async def rehearse(self, agent_id: Id, given: RehearsalWanted, who: Who) -> Scorecards:
        """Rehearse the latest versions of an agent before the same crowds. Takes seconds; touches nothing live."""
        agent = await self._views.get(Agent, agent_id)
        return _shown(agent, await self._rehearsals.rehearse(agent.id, given.scenario, by=who.name))


def _shown(agent: Agent, cards: tuple[Scorecard, ...]) -> Scorecards:
    inorder = sorted(cards, key=lambda one: (one.rehearsed_at_us, one.id))
    return Scorecards(items=tuple(_card(one, in_force=one.digest == agent.package_digest) for one in inorder))


def _card(card: Scorecard, *, in_force: bool) -> ScorecardShown:
    seen, engaged = (sum(getattr(one, name) for one in card.trials) for name in ("impressions", "engagements"))
    chance = sum(one.chance_engagements for one in card.trials), sum(one.chance_impressions for one in card.trials)
    return ScorecardShown(
        package_version=card.package_version, digest=card.digest, in_force=in_force, scenario=card.scenario,
        days=card.days, people=card.people, posts_per_day=card.posts_per_day, hours=card.hours, pictures=card.pictures,
        posts=sum(one.posts for one in card.trials), impressions=seen, engagements=engaged,
        rate_millionths=_rate(engaged, seen), chance_millionths=_rate(*chance), trials=card.trials,
        rehearsed_by=card.rehearsed_by, rehearsed_at_us=card.rehearsed_at_us,
    )  # fmt: skip


def _rate(engagements: int, impressions: int) -> int:
    return engagements * WHOLE // impressions if impressions else 0
