"""Brings campaigns through their stages, and to a person where a manifest marks one. Begins no act and grants none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from chimera.domain import ids, scopes
from chimera.domain.agent import Agent
from chimera.domain.attempt import Attempt, latest
from chimera.domain.campaign import REPLAN, Campaign, CampaignCommand, Input, InputState
from chimera.domain.change import Change
from chimera.domain.errors import ChimeraError
from chimera.domain.event import Event, EventKind
from chimera.domain.halt import Halt
from chimera.domain.labels import TRUSTED
from chimera.domain.record import Record
from chimera.domain.review import OPEN_STATES, Review
from chimera.domain.stages import MAKING, Course, CourseCommand, Handover, Stage, Waiting, marked
from chimera.domain.task import UNDER_WAY, Task, TaskState
from chimera.domain.threat import ThreatLevel
from chimera.governance.tallying import REPORT
from chimera.pipeline.planner import Planner
from chimera.ports.store import Store, every
from chimera.swarm.loops import log
from chimera.swarm.roster import Roster

FOLLOWED_AT_ONCE_MAX = 32
POST = "copy.post"
# A report that is made to see whether the goal is reached, before the one at the end.
MEASURED, FIGURE = "measured", "engagements_per_post_millis"
SILENCE = "nobody looked at it in time, and silence is a no"
OVER = "its time is over"
_MADE = frozenset({TaskState.WAITING, TaskState.READY, TaskState.LEASED})


class Handing:
    """Writes what changed between two looks: a stage that is done, a deadline that has passed, a report owed."""

    def __init__(self, *, planner: Planner, store: Store, roster: Roster, shards: Sequence[int]) -> None:
        self._planner = planner
        self._store = store
        self._roster = roster
        self._shards = tuple(shards)
        self._seen = ""

    async def begin(self, campaign: Campaign, agent: Agent) -> Sequence[Task]:
        """The next step of a campaign that has no plan for its goal yet: hand it over, find out, or plan."""
        brief, research = (marked(agent.handovers, stage) for stage in (Stage.BRIEF, Stage.RESEARCH))
        if campaign.course.waits:
            return ()
        if brief is not None and campaign.course is Course.BRIEF:
            return await self._hand_over(campaign, brief)
        if research is not None and campaign.course in (Course.BRIEF, Course.RESEARCH):
            return await self._research(campaign, agent, research)
        return await self._planner.plan_goal(campaign, agent)

    async def once(self) -> bool:
        """One round over campaigns whose stage may be done, or whose deadline has passed. Asks for no other."""
        now_us = await self._store.now_us()
        page = await self._store.list(Campaign, states=("opened", "running"), shards=self._shards, due_before_us=now_us,
                                      after=self._seen, limit=FOLLOWED_AT_ONCE_MAX)  # fmt: skip
        self._seen = page[-1].id if len(page) == FOLLOWED_AT_ONCE_MAX else ""
        agents = await self._roster.agents(campaign.agent_id for campaign in page)
        for campaign in page:
            if agent := agents.get(campaign.agent_id):
                await self._guarded(campaign, agent, now_us)
        return False

    async def _guarded(self, campaign: Campaign, agent: Agent, now_us: int) -> None:
        try:
            await self._follow(campaign, agent, now_us)
        except ChimeraError as error:
            # Somebody moved it meanwhile: it is looked at again as it is then.
            log.info("followed later", campaign=campaign.id, why=str(error))

    async def _follow(self, campaign: Campaign, agent: Agent, now_us: int) -> None:
        if campaign.is_past(now_us):
            return await self._end(campaign, now_us)
        if not campaign.followed:
            return await self._stop(campaign, campaign.end(CourseCommand.EXPIRE), now_us, why=SILENCE)
        if campaign.course is Course.REPORT:
            return await self._report(campaign, agent, now_us)
        reached, held = await self._work_of(campaign)
        is_out = reached is Stage.ENGAGE and campaign.course.stage in (*MAKING, Stage.PUBLISH)
        if is_out and await self._plans_anew(campaign, agent, now_us):
            return
        after = campaign.moved(reached=reached, held=held, handovers=agent.handovers, at_us=now_us)
        if after is not None:
            await self._put(campaign, after, now_us)

    async def _research(self, campaign: Campaign, agent: Agent, mark: Handover) -> Sequence[Task]:
        """Find out first; once that is done, or where there is nothing to find out with, a person looks."""
        if campaign.plans == 0 and self._planner.can_research(agent):
            return await self._planner.plan_research(campaign, agent)
        if await self._store.list(Task, scope=campaign.id, states=UNDER_WAY, limit=1):
            return ()
        return await self._hand_over(campaign.researched(), mark)

    async def _hand_over(self, campaign: Campaign, mark: Handover) -> Sequence[Task]:
        now_us = await self._store.now_us()
        await self._put(campaign, campaign.hand_over(mark, at_us=now_us), now_us)
        return ()

    async def _end(self, campaign: Campaign, now_us: int) -> None:
        """Its time is over: where all of its own is out, what came of it is put together; else the rest is dropped."""
        match campaign.course:
            case Course.ENGAGE:
                await self._put(campaign, campaign.finish(), now_us, why=OVER)
            case Course.ENGAGE_WAITS:
                await self._put(campaign, campaign.resume(), now_us, why=OVER)
            case _:
                await self._stop(campaign, campaign.after(CampaignCommand.CANCEL), now_us, why=OVER)

    async def _stop(self, campaign: Campaign, after: Campaign, now_us: int, *, why: str) -> None:
        """What it has planned is dropped by whoever ends cancelled campaigns: its scope is halted with it."""
        scope = scopes.campaign(campaign.id)
        halt = Halt(id=ids.derive(campaign.id, "cancelled"), halted=scope, reason=why, by="the deadline",
                    since_us=now_us)  # fmt: skip
        halts = () if scope in await self._store.halted() else (halt,)
        await self._put(campaign, after, now_us, *halts, why=why)

    async def _report(self, campaign: Campaign, agent: Agent, now_us: int) -> None:
        """The report's task first; when that has ended, the campaign has."""
        reports = [task for task in await self._reports(campaign) if task.key != MEASURED]
        if not reports and await self._planner.plan_report(campaign, agent):
            return
        if all(task.is_final for task in reports):
            await self._put(campaign, campaign.reported(agent.handovers, at_us=now_us), now_us)

    async def _work_of(self, campaign: Campaign) -> tuple[Stage, Waiting | None]:
        """The stage that the campaign's work has reached, and what of it waits for a person because of a mark."""
        tasks = await self._all(campaign, UNDER_WAY)
        own = {task.state for task in tasks if task.input_id is None and not task.order}
        held = [await self._waiting_of(task) for task in tasks if task.state is TaskState.HELD]
        first = min((one for one in held if one is not None), key=lambda one: one.since_us, default=None)
        return _reached(own), first

    async def _plans_anew(self, campaign: Campaign, agent: Agent, now_us: int) -> bool:
        """Whether another plan is on its way because of what came of the last: as often as the goal allows.

        What is wished for is counted, never quoted: a stranger may have shaped why something did not go out.
        """
        for number in range(campaign.goal.replans):
            wish_id = ids.derive(campaign.id, "results", str(number))
            known = await self._store.find(Input, wish_id)
            if known is None:
                return await self._falls_short(campaign, agent, wish_id, now_us, measured=number)
            if known.state is InputState.ADMITTED:
                return True
        return False

    async def _falls_short(self, campaign: Campaign, agent: Agent, wish_id: str, now_us: int, *, measured: int) -> bool:
        """Wish for another plan where posts are missing, or bring less than was asked for; first find out what."""
        own = [task for task in await self._all(campaign, ()) if task.input_id is None and task.spec.name == POST]
        missing = campaign.goal.posts - sum(task.state is TaskState.DONE for task in own)
        if missing > 0:
            wish, why = (
                f"Plan {missing} posts in place of those that did not go out.",
                f"{missing} posts did not go out",
            )
            return await self._wish(campaign, wish_id, now_us, wish=wish, why=why)
        asked = campaign.goal.engagements_per_post_millis
        if not asked:
            return False
        reports = [task for task in await self._reports(campaign) if task.key == MEASURED]
        if len(reports) <= measured:
            after_us = now_us + campaign.goal.measured_after_seconds * 1_000_000
            return bool(await self._planner.plan_report(campaign, agent, key=MEASURED, not_before_us=after_us))
        brought = await self._brought(reports)
        if brought is None or brought >= asked:
            return False
        why = f"posts brought {brought} thousandths of an engagement each, {asked} were asked for"
        return await self._wish(campaign, wish_id, now_us, why=why,
                                wish=f"Plan {campaign.goal.posts} posts that do better: {why}.")  # fmt: skip

    async def _brought(self, reports: Sequence[Task]) -> int | None:
        """What the last of the reports measured, in thousandths of an engagement for each post; None without one."""
        last = max(reports, key=lambda task: task.due_at_us)
        attempts = await self._store.list(Attempt, scope=last.id) if last.state is TaskState.DONE else ()
        found = latest(attempts)
        figures = cast("dict[str, int]", found.draft.output.get("figures", {}) if found else {})
        return figures.get(FIGURE) if figures.get("posts_read") else None

    async def _wish(self, campaign: Campaign, wish_id: str, now_us: int, *, wish: str, why: str) -> bool:
        asked = Input(
            id=wish_id, campaign_id=campaign.id, kind=REPLAN, labels=TRUSTED, threat=str(ThreatLevel.LOW),
            admitted_at_us=now_us, payload={"wish": wish, "by": "results"},
        )  # fmt: skip
        told = Event(kind=EventKind.INPUT_ADMITTED, subject=asked.id, at_us=now_us,
                     data={"campaign": campaign.id, "about": REPLAN, "labels": asked.labels, "threat": asked.threat,
                           "reasons": [why]})  # fmt: skip
        await self._store.commit(Change(records=(asked,), events=(told,)))
        return True

    async def _reports(self, campaign: Campaign) -> list[Task]:
        return [task for task in await self._all(campaign, ()) if task.spec.name == REPORT]

    async def _waiting_of(self, task: Task) -> Waiting | None:
        reviews = await self._store.list(Review, scope=task.id, states=OPEN_STATES)
        return next((Waiting(stage=mark.stage, note=mark.note, since_us=one.opened_at_us, deadline_us=one.deadline_us)
                     for one in reviews if (mark := one.question.handover)), None)  # fmt: skip

    async def _all(self, campaign: Campaign, states: tuple[str, ...]) -> list[Task]:
        return [one async for one in every(self._store, Task, scope=campaign.id, states=states)]

    async def _put(self, before: Campaign, after: Campaign, now_us: int, *more: Record, why: str = "") -> None:
        data = {"stage": str(after.course), "was": str(before.course), "state": str(after.state),
                "note": after.waiting.note if after.waiting else "",
                "deadline_us": after.waiting.deadline_us if after.waiting else 0, "why": why}  # fmt: skip
        event = Event(kind=EventKind.CAMPAIGN_CHANGED, subject=before.id, at_us=now_us, data=data)
        await self._store.commit(Change(records=(after, *more), events=(event,)))


def _reached(own: set[TaskState]) -> Stage:
    """The first stage in which anything of a campaign's own work still is."""
    if own & _MADE:
        return Stage.DRAFT
    if TaskState.HELD in own:
        return Stage.REVIEW
    return Stage.PUBLISH if own else Stage.ENGAGE
