"""The planning loop of a manager: goals become plans, inputs become tasks. One writer per campaign."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from chimera.domain.agent import Agent
from chimera.domain.campaign import CAMPAIGN_MACHINE, Campaign, CampaignState, Input
from chimera.domain.errors import ChimeraError
from chimera.domain.task import Task
from chimera.pipeline.planner import Planner
from chimera.ports.model import ModelsFailed
from chimera.ports.store import LIST_MAX, Store
from chimera.swarm.answering import Answering, by_campaign, may_begin
from chimera.swarm.claiming import Claiming
from chimera.swarm.court import Court
from chimera.swarm.glancing import Glancing
from chimera.swarm.handing import Handing
from chimera.swarm.loops import log
from chimera.swarm.roster import Roster
from chimera.swarm.throttle import TURNED_AWAY
from chimera.swarm.waiting import Waiting

A = TypeVar("A")
B = TypeVar("B")

INPUTS_AT_ONCE_MAX = 512
# Of one campaign in one round: whoever floods its campaign waits behind everybody else's.
INPUTS_OF_ONE_MAX = 128
# Of whom more than so many came at once it is asked how much of theirs waits for a worker already.
FLOOD_MIN = 16
GOALS_AT_ONCE_MAX = 16
# Where there is no money for the planner's model today, somebody may raise the cap meanwhile; a model that turned us
# away is not asked again at once.
POOR_SECONDS = 30


class Planning:
    """Reads what is admitted and opened in its shards, and has the planner plan it."""

    def __init__(
        self,
        *,
        planner: Planner,
        court: Court,
        store: Store,
        roster: Roster,
        claiming: Claiming,
        handing: Handing,
        shards: Sequence[int],
        answering: Answering,
    ) -> None:
        self._planner = planner
        self._court = court
        self._store = store
        self._roster = roster
        self._claiming = claiming
        self._handing = handing
        self._opened = Waiting(Campaign, state="opened", reads=store, shards=shards, at_once=LIST_MAX,
                               clock=court.clock)  # fmt: skip
        self._answering = answering
        self._inputs = Waiting(Input, state="admitted", reads=store, shards=shards, at_once=INPUTS_AT_ONCE_MAX,
                               clock=court.clock)  # fmt: skip
        self._goals: dict[str, asyncio.Task[None]] = {}
        self._poor: dict[str, int] = {}
        self._glancing = Glancing(reads=store, shards=shards, at_once=INPUTS_AT_ONCE_MAX, clock=court.clock)

    async def once(self) -> bool:
        """Plan what is there; whether there was anything."""
        if newest := self._answering.fresh(await self._glancing.newest()):
            planned, count, _ = await self._plan_inputs(newest)
            self._glancing.left(len(newest) - count)
            return planned
        page, opened = await _both(self._inputs.page(), self._opened.page())
        await self._start_goals(opened)
        mine = self._answering.paged(page, at_once=INPUTS_AT_ONCE_MAX)
        planned, count, left = await self._plan_inputs(mine)
        # What is planned elsewhere at this moment holds nobody up either.
        taken = count + len(page) - len(mine)
        self._glancing.looked(page, left=len(page) - taken)
        return self._inputs.took(taken, left=left) or planned

    async def close(self) -> None:
        """Stop planning goals."""
        for running in self._goals.values():
            running.cancel()
        await asyncio.gather(*self._goals.values(), return_exceptions=True)

    async def _start_goals(self, opened: Sequence[Campaign]) -> None:
        agents = await self._roster.agents(campaign.agent_id for campaign in opened)
        resting = await self._roster.resting()
        pairs = [(one, agents[one.agent_id]) for one in opened if one.agent_id in agents]
        may = [(one, agent) for one, agent in pairs if not one.course.waits and may_begin(one, agent, resting)]
        due = [(one, agent) for one, agent in may if self._is_time(one, agent)]
        fresh = [pair for pair in due if pair[0].id not in self._goals]
        fresh.sort(key=lambda pair: not pair[0].goal.urgent)
        taken = fresh[: max(0, GOALS_AT_ONCE_MAX - len(self._goals))]
        for campaign, agent in taken:
            self._start(campaign, self._planned(campaign, partial(self._handing.begin, campaign, agent)))
        self._opened.took(len(due), left=len(fresh) - len(taken))

    def _start(self, campaign: Campaign, planning: Coroutine[Any, Any, None]) -> None:
        """One plan of a campaign at a time, beside everything else: a model is asked."""
        running = asyncio.create_task(planning)
        self._goals[campaign.id] = running
        running.add_done_callback(lambda _, key=campaign.id: self._goals.pop(key, None))

    async def _start_wishes(self, campaigns: Sequence[Campaign], wishes: Mapping[str, Input]) -> None:
        """Another plan where a person asked for one; of several wishes the first, then the next."""
        if not wishes:
            return
        agents = await self._roster.agents(campaign.agent_id for campaign in campaigns)
        resting = await self._roster.resting()
        for campaign in campaigns:
            agent, asked = agents.get(campaign.agent_id), wishes.get(campaign.id)
            if asked is None or agent is None or campaign.id in self._goals or len(self._goals) >= GOALS_AT_ONCE_MAX:
                continue
            if campaign.state is CampaignState.RUNNING and may_begin(campaign, agent, resting):
                self._start(campaign, self._planned(campaign, partial(self._planner.replan, campaign, agent, asked)))

    def _is_time(self, campaign: Campaign, agent: Agent) -> bool:
        """Whether the campaign's moment has come, its agent works now, and there was money to plan it a moment ago."""
        if self._court.clock.now_us() < self._poor.get(campaign.id, 0):
            return False
        return campaign.goal.begins_at_us <= self._court.clock.now_us() and not self._answering.opens_at(agent)

    async def _planned(self, campaign: Campaign, plan: Callable[[], Awaitable[Sequence[Task]]]) -> None:
        # Begun here and not by the caller: who is cancelled before the first step leaves nothing half begun.
        try:
            await plan()
            self._answering.made_ready()
        except ChimeraError as error:
            if error.code == "over_budget" or _was_turned_away(error):
                now_us = self._court.clock.now_us()
                self._poor = {key: until_us for key, until_us in self._poor.items() if until_us > now_us}
                self._poor[campaign.id] = now_us + POOR_SECONDS * 1_000_000
            log.warning("not planned", campaign=campaign.id, why=str(error))

    async def _plan_inputs(self, inputs: Sequence[Input]) -> tuple[bool, int, int]:
        """Whether anything was planned, how many were taken on, and how many could have been beside.

        What models have no room for waits where it came in.
        """
        held_back = self._claiming.held_back
        came = by_campaign(one for one in inputs if not self._answering.are_of(held_back, (one,)))
        campaigns = await self._planner.adopted.of(sorted(came))
        await self._start_wishes(campaigns, {key: one for key, these in came.items() if (one := _wish_in(these))})
        awake = await self._answering.awake(campaigns)
        waiting = [(one, agent, _to_answer(one, came[one.id])) for one, agent in awake]
        taken = [(one, agent, these[: await self._room_of(one, len(these))]) for one, agent, these in waiting]
        arrivals = [one for one in taken if one[2]]
        count = sum(len(these) for _, _, these in arrivals)
        return await self._answering.answer(arrivals), count, sum(len(these) for _, _, these in waiting) - count

    async def _room_of(self, campaign: Campaign, came: int) -> int:
        """How much of one campaign is planned now: no more of it waits for workers at once, who go by age alone."""
        if came <= FLOOD_MIN or CAMPAIGN_MACHINE.is_final(campaign.state):
            return came
        ready = await self._store.list(Task, scope=campaign.id, states=("ready",), limit=INPUTS_OF_ONE_MAX)
        return INPUTS_OF_ONE_MAX - len(ready)


def _was_turned_away(error: ChimeraError) -> bool:
    return isinstance(error, ModelsFailed) and any(one.cause in TURNED_AWAY for one in error.tries)


def _wish_in(inputs: Sequence[Input]) -> Input | None:
    """The first wish for another plan among what came in."""
    return next((one for one in inputs if one.asks_for_plan), None)


def _to_answer(campaign: Campaign, inputs: Sequence[Input]) -> Sequence[Input]:
    """What is answered by a task each; of a campaign that is over, everything, to be dropped."""
    return inputs if CAMPAIGN_MACHINE.is_final(campaign.state) else [one for one in inputs if not one.asks_for_plan]


async def _both(one: Awaitable[A], other: Awaitable[B]) -> tuple[A, B]:
    """Asked at the same time. Whichever fails, both have come to their end."""
    first, second = await asyncio.gather(one, other, return_exceptions=True)
    if isinstance(first, BaseException):
        raise first
    if isinstance(second, BaseException):
        raise second
    return first, second
