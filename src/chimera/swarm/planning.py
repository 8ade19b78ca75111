"""The planning loop of a manager: goals become plans, inputs become tasks. One writer per campaign."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any

from chimera.domain import scopes
from chimera.domain.agent import Agent, AgentState
from chimera.domain.campaign import CAMPAIGN_MACHINE, Campaign, CampaignState, Input
from chimera.domain.errors import ChimeraError
from chimera.domain.stages import Course, Stage, marked
from chimera.domain.task import Task, TaskState
from chimera.pipeline.planner import Planner
from chimera.ports.model import ModelsFailed
from chimera.ports.store import LIST_MAX, Store
from chimera.swarm.bell import Bell
from chimera.swarm.claiming import LEASE_SECONDS, Claiming
from chimera.swarm.court import Court
from chimera.swarm.handing import Handing
from chimera.swarm.loops import log
from chimera.swarm.roster import Roster
from chimera.swarm.throttle import TURNED_AWAY
from chimera.swarm.waiting import Waiting

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
        ready: Bell,
    ) -> None:
        self._planner = planner
        self._court = court
        self._store = store
        self._roster = roster
        self._claiming = claiming
        self._handing = handing
        self._ready = ready
        self._opened = Waiting(Campaign, state="opened", reads=store, shards=shards, at_once=LIST_MAX,
                               clock=court.clock)  # fmt: skip
        self._inputs = Waiting(Input, state="admitted", reads=store, shards=shards, at_once=INPUTS_AT_ONCE_MAX,
                               clock=court.clock)  # fmt: skip
        self._types = {kind: spec.name for spec in court.contracts.specs.values() for kind in spec.triggers}
        self._goals: dict[str, asyncio.Task[None]] = {}
        self._poor: dict[str, int] = {}

    async def once(self) -> bool:
        """Plan what is there; whether there was anything. What models have no room for waits where it came in."""
        held_back = self._claiming.held_back
        inputs = [one for one in await self._inputs.page() if self._types.get(one.kind) not in held_back]
        await self._start_goals(await self._opened.page())
        planned, goes_on = await self._plan_inputs(inputs)
        if planned:
            self._ready.ring()
        return planned or goes_on

    async def close(self) -> None:
        """Stop planning goals."""
        for running in self._goals.values():
            running.cancel()
        await asyncio.gather(*self._goals.values(), return_exceptions=True)

    async def _start_goals(self, opened: Sequence[Campaign]) -> None:
        agents = await self._roster.agents(campaign.agent_id for campaign in opened)
        resting = await self._roster.resting()
        pairs = [(one, agents[one.agent_id]) for one in opened if one.agent_id in agents]
        may = [(one, agent) for one, agent in pairs if not one.course.waits and _may_begin(one, agent, resting)]
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
            if campaign.state is CampaignState.RUNNING and _may_begin(campaign, agent, resting):
                self._start(campaign, self._planned(campaign, partial(self._planner.replan, campaign, agent, asked)))

    def _is_time(self, campaign: Campaign, agent: Agent) -> bool:
        """Whether the campaign's moment has come, its agent works now, and there was money to plan it a moment ago."""
        if self._court.clock.now_us() < self._poor.get(campaign.id, 0):
            return False
        self._poor.pop(campaign.id, None)
        return campaign.goal.begins_at_us <= self._court.clock.now_us() and not self._opens_at(agent)

    def _opens_at(self, agent: Agent) -> int:
        """When the agent's hours begin; zero within them."""
        now_us = self._court.clock.now_us()
        opens_us = agent.schedule.opens_at(now_us, fleet=self._court.treasury.zone)
        return opens_us if opens_us > now_us else 0

    async def _planned(self, campaign: Campaign, plan: Callable[[], Awaitable[Sequence[Task]]]) -> None:
        # Begun here and not by the caller: who is cancelled before the first step leaves nothing half begun.
        try:
            await plan()
            self._ready.ring()
        except ChimeraError as error:
            if error.code == "over_budget" or _was_turned_away(error):
                self._poor[campaign.id] = self._court.clock.now_us() + POOR_SECONDS * 1_000_000
            log.warning("not planned", campaign=campaign.id, why=str(error))

    async def _plan_inputs(self, inputs: Sequence[Input]) -> tuple[bool, bool]:
        """Whether anything was planned, and whether others wait behind those who have to."""
        by_campaign: defaultdict[str, list[Input]] = defaultdict(list)
        for one in inputs:
            by_campaign[one.campaign_id].append(one)
        campaigns = await self._store.get_many(Campaign, sorted(by_campaign))
        await self._start_wishes(campaigns, {key: one for key, came in by_campaign.items() if (one := _wish_in(came))})
        # A campaign that is only opened has its goal planned first: adopting an answer would pass it over.
        ready = [one for one in campaigns if one.state is CampaignState.RUNNING or CAMPAIGN_MACHINE.is_final(one.state)]
        agents, resting = await self._roster.agents(one.agent_id for one in ready), await self._roster.resting()
        awake = [one for one in ready if one.agent_id in agents and _may_go_on(one, agents[one.agent_id], resting)]
        waiting = [(one, agents[one.agent_id], _to_answer(one, by_campaign[one.id])) for one in awake]
        taken = [(one, agent, came[: await self._room_of(one, len(came))]) for one, agent, came in waiting]
        arrivals = [one for one in taken if one[2]]
        count = sum(len(came) for _, _, came in arrivals)
        goes_on = self._inputs.took(count, left=sum(len(came) for _, _, came in waiting) - count)
        return await self._plan_all(arrivals), goes_on

    async def _room_of(self, campaign: Campaign, came: int) -> int:
        """How much of one campaign is planned now: no more of it waits for workers at once, who go by age alone."""
        if came <= FLOOD_MIN or CAMPAIGN_MACHINE.is_final(campaign.state):
            return came
        ready = await self._store.list(Task, scope=campaign.id, states=("ready",), limit=INPUTS_OF_ONE_MAX)
        return INPUTS_OF_ONE_MAX - len(ready)

    async def _plan_all(self, arrivals: Sequence[tuple[Campaign, Agent, Sequence[Input]]]) -> bool:
        """All at once: their changes ride together. What fits goes straight to idle workers."""
        spare, limited = self._claiming.spare if arrivals else 0, self._claiming.limited
        until_us = await self._store.now_us() + round(LEASE_SECONDS * 1_000_000) if spare else 0
        plans: list[Awaitable[Sequence[Task] | None]] = []
        for campaign, agent, inputs in arrivals:
            leased = len(inputs) <= spare and not self._opens_at(agent) and not self._are_of(limited, inputs)
            spare -= len(inputs) if leased else 0
            plans.append(self._plan_one(campaign, agent, inputs, leased_until_us=until_us if leased else None))
        planned = await asyncio.gather(*plans)
        await self._claiming.take_on([task for tasks in planned for task in tasks or () if _is_leased(task)])
        return any(tasks is not None for tasks in planned)

    def _are_of(self, types: frozenset[str], inputs: Sequence[Input]) -> bool:
        return bool(types) and any(self._types.get(one.kind) in types for one in inputs)

    async def _plan_one(
        self, campaign: Campaign, agent: Agent, inputs: Sequence[Input], *, leased_until_us: int | None
    ) -> Sequence[Task] | None:
        try:
            if CAMPAIGN_MACHINE.is_final(campaign.state):
                await self._planner.drop_inputs(campaign, inputs)
                return ()
            with self._court.timed("plan"):
                return await self._planner.plan_inputs(
                    campaign, agent, inputs, leased_until_us=leased_until_us, not_before_us=self._opens_at(agent)
                )
        except ChimeraError as error:
            log.info("inputs wait", campaign=campaign.id, why=str(error))
            return None


def _was_turned_away(error: ChimeraError) -> bool:
    return isinstance(error, ModelsFailed) and any(one.cause in TURNED_AWAY for one in error.tries)


def _wish_in(inputs: Sequence[Input]) -> Input | None:
    """The first wish for another plan among what came in."""
    return next((one for one in inputs if one.asks_for_plan), None)


def _to_answer(campaign: Campaign, inputs: Sequence[Input]) -> Sequence[Input]:
    """What is answered by a task each; of a campaign that is over, everything, to be dropped."""
    return inputs if CAMPAIGN_MACHINE.is_final(campaign.state) else [one for one in inputs if not one.asks_for_plan]


def _may_answer(campaign: Campaign, agent: Agent) -> bool:
    """Not while a person looks at the plan, nor before what they let engage."""
    lets = marked(agent.handovers, Stage.PUBLISH) is not None and campaign.course is not Course.BRIEF
    return campaign.course is not Course.PLAN_WAITS and not (lets and campaign.course.is_before(Stage.ENGAGE))


def _is_leased(task: Task) -> bool:
    return task.state is TaskState.LEASED


def _may_go_on(campaign: Campaign, agent: Agent, resting: frozenset[str]) -> bool:
    """What still comes in for a campaign that is over is dropped, whatever is halted or paused."""
    return campaign.is_over or (_may_begin(campaign, agent, resting) and _may_answer(campaign, agent))


def _may_begin(campaign: Campaign, agent: Agent, resting: frozenset[str]) -> bool:
    """Nothing is planned where people halted or paused something, nor for a paused agent: no model is even asked."""
    network = scopes.platform(campaign.goal.platform)
    places = (scopes.FLEET, scopes.campaign(campaign.id), scopes.agent(agent.id), network)
    return agent.state is not AgentState.PAUSED and resting.isdisjoint(places)
