"""Has the planner answer what came in: a page of the queue, or what was just told of, straight to idle workers."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from chimera.domain import scopes
from chimera.domain.agent import Agent, AgentState
from chimera.domain.campaign import CAMPAIGN_MACHINE, Campaign, CampaignState, Input
from chimera.domain.errors import ChimeraError
from chimera.domain.stages import Course, Stage, marked
from chimera.domain.task import Task, TaskState
from chimera.governance.adopting import Adoption
from chimera.pipeline.planner import Planner
from chimera.ports.store import Reads
from chimera.swarm.bell import Bell
from chimera.swarm.claiming import LEASE_SECONDS, Claiming
from chimera.swarm.court import Court
from chimera.swarm.loops import log
from chimera.swarm.roster import Roster
from chimera.swarm.told import Told

# A lease counts from the store's time as it was so long ago at most: it is shorter by that, never longer.
STORE_TIME_US_MAX = 1_000_000
# So many campaigns' plans ride in one change: what each costs by itself is what its commit costs.
TOGETHER_MAX = 32
Arrivals = Sequence[tuple[Campaign, Agent, Sequence[Input]]]


class Answering:
    """One writer per campaign, whichever way its inputs came: a campaign is planned in one round at a time."""

    def __init__(
        self, *, planner: Planner, court: Court, reads: Reads, roster: Roster, claiming: Claiming, ready: Bell,
        arrived: Bell, shards: Sequence[int],
    ) -> None:  # fmt: skip
        self._planner = planner
        self._court = court
        self._reads = reads
        self._roster = roster
        self._claiming = claiming
        self._ready = ready
        self._arrived = arrived
        self._came = Bell(court.clock)
        self._types = {kind: spec.name for spec in court.contracts.specs.values() for kind in spec.triggers}
        self._told = Told(shards)
        # How many workers are spoken for by plans that are on their way to the store.
        self._promised = 0
        self._store_us, self._asked_us = 0, 0

    @property
    def came(self) -> Bell:
        """Rings when something was told that may be answered at once."""
        return self._came

    def tell(self, one: Input) -> None:
        """Something was just admitted here. Where no worker is idle it waits its turn in the queue."""
        if self._spare > 0 and self._told.tell(one):
            self._came.ring()
        else:
            self._arrived.ring()

    async def once(self) -> bool:
        """Plan what was told and fits idle workers; the rest is left to the queue. Whether there was anything."""
        inputs = self._told.take()
        if not inputs:
            return False
        came = by_campaign(inputs)
        try:
            fits = await self._fitting(came)
            if sum(len(one[2]) for one in fits) < len(inputs):
                self._arrived.ring()
            await self._plan(fits)
        finally:
            self._told.end(came)
        return True

    def paged(self, page: Sequence[Input], *, at_once: int) -> list[Input]:
        """Those of a page of the queue that nobody answers yet."""
        return self._told.paged(page, at_once=at_once)

    def fresh(self, found: Sequence[Input]) -> list[Input]:
        """Those of a glance at it that nobody answers yet."""
        return self._told.fresh(found)

    async def answer(self, arrivals: Arrivals) -> bool:
        """What a page of the queue brought; whether anything was planned.

        What fits idle workers is as good as told: the next page is read while its plans are on their way to the store.
        """
        left = self._left(arrivals)
        campaigns = [campaign.id for campaign, _, _ in left]
        self._told.begin(campaigns)
        try:
            return await self._plan(left) or len(left) < len(arrivals)
        finally:
            self._told.end(campaigns)

    def made_ready(self) -> None:
        """Something waits for a worker now."""
        self._claiming.more_is_ready()
        self._ready.ring()

    def are_of(self, types: frozenset[str], inputs: Sequence[Input]) -> bool:
        """Whether any of them is answered by a task of these types."""
        return bool(types) and any(self._types.get(one.kind) in types for one in inputs)

    def opens_at(self, agent: Agent) -> int:
        """When the agent's hours begin; zero within them."""
        now_us = self._court.clock.now_us()
        opens_us = agent.schedule.opens_at(now_us, fleet=self._court.treasury.zone)
        return opens_us if opens_us > now_us else 0

    async def awake(self, campaigns: Sequence[Campaign]) -> list[tuple[Campaign, Agent]]:
        """Those that may go on now, with their agents. The others are looked up anew the next time."""
        # A campaign that is only opened has its goal planned first: adopting an answer would pass it over.
        ready = [one for one in campaigns if one.state is CampaignState.RUNNING or CAMPAIGN_MACHINE.is_final(one.state)]
        agents, resting = await self._roster.agents(one.agent_id for one in ready), await self._roster.resting()
        going = [one for one in ready if one.agent_id in agents and _may_go_on(one, agents[one.agent_id], resting)]
        for gone in {one.id for one in campaigns} - {one.id for one in going}:
            self._planner.adopted.forget(gone)
        return [(one, agents[one.agent_id]) for one in going]

    def _left(self, arrivals: Arrivals) -> Arrivals:
        """Those of a page that wait for workers, or for their time. Of the others both answering loops know now."""
        fits = self._fit(arrivals)
        inputs = [one for _, _, these in fits for one in these]
        if not inputs or not all([self._told.tell(one) for one in inputs]):
            return arrivals
        for campaign, _, _ in fits:
            self._planner.adopted.keep(campaign)
        self._came.ring()
        straight = {campaign.id for campaign, _, _ in fits}
        return [one for one in arrivals if one[0].id not in straight]

    async def _fitting(self, came: Mapping[str, Sequence[Input]]) -> Arrivals:
        """Those that go straight to a worker: whoever would wait for one waits in the queue, where all do."""
        awake = await self.awake(await self._planner.adopted.of(list(came)))
        return self._fit([(one, agent, came[one.id]) for one, agent in awake])

    def _fit(self, arrivals: Arrivals) -> Arrivals:
        spare, limited = self._spare, self._claiming.limited
        fits: list[tuple[Campaign, Agent, Sequence[Input]]] = []
        for campaign, agent, inputs in arrivals:
            if len(inputs) > spare or campaign.is_over or self.opens_at(agent) or self.are_of(limited, inputs):
                continue
            spare -= len(inputs)
            fits.append((campaign, agent, inputs))
        return fits

    @property
    def _spare(self) -> int:
        return self._claiming.spare - self._promised

    async def _plan(self, arrivals: Arrivals) -> bool:
        """All at once: their changes ride together. What fits goes straight to idle workers."""
        fits = self._fit(arrivals)
        until_us = await self._lease_ends() if fits else 0
        leased = {campaign.id: until_us for campaign, _, _ in fits}
        promised = sum(len(inputs) for _, _, inputs in fits)
        self._promised += promised
        try:
            pieces = [arrivals[at : at + TOGETHER_MAX] for at in range(0, len(arrivals), TOGETHER_MAX)]
            answered = await asyncio.gather(*(self._answer(piece, leased) for piece in pieces))
            planned = [tasks for piece in answered for tasks in piece]
            await self._hand_on([task for tasks in planned for task in tasks])
        finally:
            self._promised -= promised
        return bool(planned)

    async def _hand_on(self, tasks: Sequence[Task]) -> None:
        """Who got a lease goes to a worker; for the others somebody has to look."""
        if any(task.state is TaskState.READY for task in tasks):
            self.made_ready()
        await self._claiming.take_on([task for task in tasks if task.state is TaskState.LEASED])

    async def _lease_ends(self) -> int:
        """By the store's clock, which is not asked for each plan."""
        now_us = self._court.clock.now_us()
        if not self._store_us or not 0 <= now_us - self._asked_us < STORE_TIME_US_MAX:
            self._store_us, self._asked_us = await self._reads.now_us(), now_us
        return self._store_us + round(LEASE_SECONDS * 1_000_000)

    async def _answer(self, piece: Arrivals, leased_until_us: Mapping[str, int]) -> list[Sequence[Task]]:
        """The tasks of each that was planned. What of the others came in waits, and they hold nobody up."""
        with self._court.timed("plan"):
            over = [one for one in piece if CAMPAIGN_MACHINE.is_final(one[0].state)]
            ended = await asyncio.gather(*(self._dropped(*one) for one in over))
            going = [one for one in piece if not CAMPAIGN_MACHINE.is_final(one[0].state)]
            drafts = [(one, draft) for one in going if (draft := self._drafted(*one, leased_until_us)) is not None]
            refused = await self._planner.adopting.write_each([draft for _, draft in drafts])
        planned: list[Sequence[Task]] = [()] * sum(ended)
        for ((campaign, _, inputs), draft), error in zip(drafts, refused, strict=True):
            if error is None:
                self._told.planned(inputs)
                planned.append(draft.tasks)
            else:
                _say_that_they_wait(campaign, error)
        return planned

    def _drafted(
        self, campaign: Campaign, agent: Agent, inputs: Sequence[Input], leased_until_us: Mapping[str, int]
    ) -> Adoption | None:
        """The plan, which nobody knows of yet."""
        until_us, not_before_us = leased_until_us.get(campaign.id), self.opens_at(agent)
        try:
            return self._planner.answer(campaign, agent, inputs, leased_until_us=until_us, not_before_us=not_before_us)
        except ChimeraError as error:
            return _say_that_they_wait(campaign, error)

    async def _dropped(self, campaign: Campaign, _: Agent, inputs: Sequence[Input]) -> bool:
        """Whether what still came in for a campaign that is over is off the list."""
        try:
            await self._planner.drop_inputs(campaign, inputs)
        except ChimeraError as error:
            _say_that_they_wait(campaign, error)
            return False
        return True


def _say_that_they_wait(campaign: Campaign, error: ChimeraError) -> None:
    log.info("inputs wait", campaign=campaign.id, why=str(error))


def by_campaign(inputs: Iterable[Input]) -> dict[str, list[Input]]:
    """What came in, by whose it is."""
    found: defaultdict[str, list[Input]] = defaultdict(list)
    for one in inputs:
        found[one.campaign_id].append(one)
    return dict(found)


def may_begin(campaign: Campaign, agent: Agent, resting: frozenset[str]) -> bool:
    """Nothing is planned where people halted or paused something, nor for a paused agent: no model is even asked."""
    network = scopes.platform(campaign.goal.platform)
    places = (scopes.FLEET, scopes.campaign(campaign.id), scopes.agent(agent.id), network)
    return agent.state is not AgentState.PAUSED and resting.isdisjoint(places)


def _may_answer(campaign: Campaign, agent: Agent) -> bool:
    """Not while a person looks at the plan, nor before what they let engage."""
    lets = marked(agent.handovers, Stage.PUBLISH) is not None and campaign.course is not Course.BRIEF
    return campaign.course is not Course.PLAN_WAITS and not (lets and campaign.course.is_before(Stage.ENGAGE))


def _may_go_on(campaign: Campaign, agent: Agent, resting: frozenset[str]) -> bool:
    """What still comes in for a campaign that is over is dropped, whatever is halted or paused."""
    return campaign.is_over or (may_begin(campaign, agent, resting) and _may_answer(campaign, agent))
