"""Every stop of a campaign: what the manifest marks waits, with note and deadline; a person's word lets it on."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from chimera.domain.attempt import Attempt, attempt_id
from chimera.domain.campaign import Campaign, CampaignState, Input
from chimera.domain.draft import Verdict
from chimera.domain.durations import HOUR_US
from chimera.domain.errors import Conflict, Refused
from chimera.domain.event import EventKind
from chimera.domain.halt import Halt
from chimera.domain.review import Review, ReviewState
from chimera.domain.roles import Role
from chimera.domain.stages import Course, Handover, Stage
from chimera.domain.task import Task, TaskCommand, TaskState
from chimera.pipeline.steering import Steering
from chimera.swarm.handing import SILENCE
from tests.small_house import INPUTS, PERMISSIONS, TEXT, SmallHouse, a_post
from tests.small_work import assign, draft, envelope
from tests.swarm.test_hearing import Bench
from tests.swarm.test_hours import planned, planning

pytestmark = pytest.mark.requirement("R-B7")

NOTE, HOURS = "Is this ours?", 12
STEPS = [{"key": "a", "spec": "copy.post", "input": INPUTS["copy.post"], "after": []},
         {"key": "b", "spec": "copy.post", "input": INPUTS["copy.post"], "after": ["a"]}]  # fmt: skip
FINDS = [{"key": "note", "spec": "research.note", "input": {"question": "What matters?"}, "after": []}]


def a_plan(*steps: Mapping[str, object]) -> str:
    return envelope({"analysis": "a", "steps": list(steps), "safety": ["s"], "tests": ["t"]})


def marks(*stages: Stage) -> tuple[Handover, ...]:
    return tuple(Handover(stage=one, note=NOTE, seconds=HOURS * 3_600) for one in stages)


class World:
    """A house whose agent's manifest marks stages; a manager's planning and handing; a person."""

    def __init__(self, house: SmallHouse, *answers: str) -> None:
        self.house = house
        self.planning, self.model = planning(house, *(answers or (a_plan(*STEPS),)))
        self.steering = Steering(store=house.office)

    @property
    def handing(self):
        return self.planning._handing

    async def round(self) -> Campaign:
        """One round of planning and one of handing."""
        self.house.clock.advance(1)
        await planned(self.planning)
        await self.handing.once()
        return await self.campaign()

    async def campaign(self) -> Campaign:
        return await self.house.office.get(Campaign, self.house.campaign.id)

    async def tasks(self) -> dict[str, Task]:
        return {one.key: one for one in await self.house.office.list(Task, scope=self.house.campaign.id)}

    async def end_all(self) -> None:
        """Every task is dropped, as it would be by whoever ends it."""
        for task in (await self.tasks()).values():
            if not task.is_final:
                await self.house.put(task.after(TaskCommand.DROP), by=Role.MANAGER)


async def a_world(*stages: Stage, answers: tuple[str, ...] = (), opened: bool = True) -> World:
    house = SmallHouse()
    if opened:
        house.campaign = replace(house.campaign, state=CampaignState.OPENED, plans=0)
    house.agent = replace(house.agent, handovers=marks(*stages), permissions=(*PERMISSIONS, "web.read"))
    return World(await house.open(), *answers)


async def test_without_a_mark_nobody_is_waited_for() -> None:
    world = await a_world()
    campaign = await world.round()
    assert (campaign.course, campaign.waiting) == (Course.DRAFT, None)
    assert {one.state for one in (await world.tasks()).values()} == {TaskState.READY, TaskState.WAITING}


async def test_a_marked_brief_waits_before_any_model_is_asked() -> None:
    world = await a_world(Stage.BRIEF)
    campaign = await world.round()
    assert (campaign.course, world.model.asked) == (Course.BRIEF_WAITS, [])
    assert campaign.waiting is not None
    assert campaign.waiting.note == NOTE
    assert campaign.waiting.deadline_us - campaign.waiting.since_us == HOURS * HOUR_US
    assert (await world.round()).version == campaign.version
    await world.steering.resume(campaign.id, by="otto")
    assert (await world.round()).course is Course.DRAFT
    assert len(world.model.asked) == 1


async def test_marked_research_finds_out_first_and_the_plan_is_made_from_what_was_looked_at() -> None:
    world = await a_world(Stage.RESEARCH, answers=(a_plan(*FINDS), a_plan(*STEPS)))
    assert (await world.round()).course is Course.RESEARCH
    assert set(await world.tasks()) == {"note"}
    assert all(one["name"] not in ("copy.post", "copy.reply") for one in world.model.asked[0].data["specs"])
    assert (await world.round()).course is Course.RESEARCH  # It is still being found out.
    await world.end_all()
    campaign = await world.round()
    assert (campaign.course, campaign.state) == (Course.RESEARCH_WAITS, CampaignState.OPENED)
    await world.steering.resume(campaign.id, by="otto")
    assert (await world.round()).course is Course.DRAFT
    assert {"a", "b"} < set(await world.tasks())


async def test_an_agent_that_cannot_find_out_is_looked_at_all_the_same() -> None:
    world = await a_world(Stage.RESEARCH)
    await world.house.change_agent(capabilities=("copy",))
    assert (await world.round()).course is Course.RESEARCH_WAITS


async def test_behind_a_marked_plan_no_task_begins_until_somebody_has_looked() -> None:
    world = await a_world(Stage.PLAN)
    campaign = await world.round()
    assert (campaign.course, campaign.state) == (Course.PLAN_WAITS, CampaignState.RUNNING)
    tasks = await world.tasks()
    assert [(one.state, one.is_barred) for one in tasks.values()] == [(TaskState.WAITING, True)] * 2
    assert await world.house.manager.claim(shards=range(256), limit=8, lease_seconds=60) == ()
    await world.steering.resume(campaign.id, by="otto", note="fine")
    tasks = await world.tasks()
    assert (tasks["a"].state, tasks["b"].state, tasks["b"].pending) == (TaskState.READY, TaskState.WAITING, 1)
    assert len(await world.house.manager.claim(shards=range(256), limit=8, lease_seconds=60)) == 1


async def test_what_comes_in_while_a_plan_is_looked_at_waits() -> None:
    world = await a_world(Stage.PLAN)
    campaign = await world.round()
    came = Input(id=world.house.ids.new(), campaign_id=campaign.id, kind="mention", payload={}, labels=("public",),
                 threat="LOW", admitted_at_us=1)  # fmt: skip
    await world.house.put(came)
    await world.round()
    assert (await world.house.office.get(Input, came.id)).state == "admitted"


@pytest.mark.parametrize("stage", [Stage.DRAFT, Stage.REVIEW, Stage.SCHEDULE])
async def test_at_a_stage_of_making_every_draft_waits_as_a_review(stage: Stage) -> None:
    world = await a_world(stage, opened=False)
    task = await Bench(world.house).hear(draft(TEXT, action=a_post()))
    assert task.state is TaskState.HELD
    (review,) = await world.house.office.list(Review, scope=task.id)
    assert review.deadline_us - review.opened_at_us == HOURS * HOUR_US
    assert any(NOTE in reason and "[stage-handed-over]" in reason for reason in review.reasons)


@pytest.mark.parametrize("stage", [Stage.DRAFT, Stage.REVIEW, Stage.SCHEDULE])
async def test_the_campaign_waits_with_its_drafts_and_goes_on_when_they_are_ruled(stage: Stage) -> None:
    world = await a_world(stage)
    await world.round()
    await world.end_all()
    task = await Bench(world.house).hear(draft(TEXT, action=a_post()))
    campaign = await world.round()
    (review,) = await world.house.office.list(Review, scope=task.id)
    if stage is Stage.SCHEDULE:  # It is reviewed as it is made: the later mark shows with it.
        assert campaign.course is Course.REVIEW
    else:
        assert campaign.course.stage is stage
        assert campaign.course.waits
        assert campaign.waiting is not None
        assert campaign.waiting.deadline_us == review.deadline_us
        with pytest.raises(Refused) as refusal:
            await world.steering.resume(campaign.id, by="otto")
        assert refusal.value.code == "handover_by_review"
    await world.house.put(replace(review, version=2, state=ReviewState.REJECTED))
    await world.house.put(task.after(TaskCommand.REFUSE), by=Role.MANAGER)
    for _ in range(2):
        campaign = await world.round()
    assert (campaign.course, campaign.waiting) == (Course.ENGAGE, None)


async def test_an_answer_waits_where_engaging_is_marked_and_own_work_does_not() -> None:
    world = await a_world(Stage.ENGAGE, opened=False)
    own = await Bench(world.house).hear(draft(TEXT, action=a_post()))
    assert own.state is TaskState.GRANTED
    answer = await Bench(world.house).hear(draft(TEXT, action=a_post()), input_id=world.house.ids.new())
    assert answer.state is TaskState.HELD


async def test_after_marked_publishing_nobody_is_answered_until_somebody_has_looked() -> None:
    world = await a_world(Stage.PUBLISH)
    await world.round()
    await world.end_all()
    campaign = await world.round()
    assert (campaign.course, campaign.waiting.note if campaign.waiting else "") == (Course.PUBLISH_WAITS, NOTE)
    await world.steering.resume(campaign.id, by="otto")
    assert (await world.round()).course is Course.ENGAGE


async def test_a_finished_campaign_reports_and_is_over() -> None:
    world = await a_world()
    await world.house.change_agent(capabilities=("copy",))
    await world.round()
    with pytest.raises(Refused, match="course_draft_cannot_finish"):
        await world.steering.finish(world.house.campaign.id, by="otto")
    await world.end_all()
    assert (await world.round()).course is Course.ENGAGE
    await world.steering.finish(world.house.campaign.id, by="otto")
    campaign = await world.round()
    assert (campaign.course, campaign.state) == (Course.FINISHED, CampaignState.FINISHED)


async def test_an_agent_that_can_reports_first_and_what_it_reports_on_is_from_the_books() -> None:
    world = await a_world()
    await world.round()
    await world.end_all()
    await world.round()
    await world.steering.finish(world.house.campaign.id, by="otto")
    assert (await world.round()).course is Course.REPORT
    report = (await world.tasks())["report"]
    assert (report.spec.name, report.state) == ("analytics.report", TaskState.READY)
    assert report.input["tasks"] == [{"state": "dropped", "count": 2}]
    assert (await world.round()).course is Course.REPORT
    await world.end_all()
    assert (await world.round()).course is Course.FINISHED


async def test_posts_that_did_not_go_out_are_planned_anew_as_often_as_the_goal_allows() -> None:
    house = SmallHouse()
    goal = replace(house.campaign.goal, posts=3, replans=1)
    house.campaign = replace(house.campaign, state=CampaignState.OPENED, plans=0, goal=goal)
    world = World(await house.open())
    await world.round()
    first = (await world.tasks())["a"]
    await world.house.put(first.after(TaskCommand.LEASE), by=Role.MANAGER)
    leased = (await world.tasks())["a"]
    await world.house.put(leased.after(TaskCommand.ACCEPT), by=Role.MANAGER)
    await world.end_all()
    assert (await world.round()).course is Course.DRAFT
    (wish,) = await world.house.office.list(Input)
    assert wish.asks_for_plan
    assert wish.payload["wish"].startswith("Plan 2 posts")
    assert (await world.round()).course is Course.DRAFT
    assert len(await world.house.office.list(Task, scope=world.house.campaign.id)) == 4
    for task in await world.house.office.list(Task, scope=world.house.campaign.id):
        if not task.is_final:
            await world.house.put(task.after(TaskCommand.DROP), by=Role.MANAGER)
    assert (await world.round()).course is Course.ENGAGE
    assert len(await world.house.office.list(Input)) == 1


async def a_measured_world(*, asked: int, brought: int, read: int = 1) -> World:
    """A campaign of one post that went out, and a report that found what it brought."""
    house = SmallHouse()
    goal = replace(house.campaign.goal, posts=1, replans=1, engagements_per_post_millis=asked)
    house.campaign = replace(house.campaign, state=CampaignState.OPENED, plans=0, goal=goal)
    house.agent = replace(house.agent, permissions=(*PERMISSIONS, "web.read"))
    world = World(await house.open(), a_plan(STEPS[0]))
    await world.round()
    await done(world, (await world.tasks())["a"])
    assert (await world.round()).course is Course.DRAFT, "it waits for what the network says"
    measured = (await world.tasks())["measured"]
    assert measured.due_at_us > house.clock.now_us() + 3_500 * 1_000_000
    figures = {"engagements_per_post_millis": brought, "posts_read": read}
    leased = await done(world, measured)
    made = Attempt(id=attempt_id(leased), assignment=assign(leased, house.agent),
                   draft=replace(draft("x"), output={"figures": figures}),
                   verdict=Verdict(accepted=True, confidence_bp=9_500))  # fmt: skip
    await house.put(made, by=Role.MANAGER)
    return world


async def done(world: World, task: Task) -> Task:
    await world.house.put(task.after(TaskCommand.LEASE), by=Role.MANAGER)
    leased = (await world.tasks())[task.key]
    await world.house.put(leased.after(TaskCommand.ACCEPT), by=Role.MANAGER)
    return leased


async def test_posts_that_bring_less_than_was_asked_for_are_planned_anew_once() -> None:
    world = await a_measured_world(asked=500, brought=120)
    assert (await world.round()).course is Course.DRAFT
    (wish,) = await world.house.office.list(Input)
    assert wish.payload == {"by": "results", "wish": "Plan 1 posts that do better: posts brought 120 thousandths of an "
                            "engagement each, 500 were asked for."}  # fmt: skip
    await world.round()
    posts = [one for one in await world.house.office.list(Task, scope=world.house.campaign.id)
             if one.spec.name == "copy.post"]  # fmt: skip
    assert len(posts) == 2, "another plan, as any is adopted"
    await world.end_all()
    assert (await world.round()).course is Course.ENGAGE, "not more often than the goal allows"
    assert len(await world.house.office.list(Input)) == 1


@pytest.mark.parametrize(("brought", "read"), [(500, 1), (0, 0)])
async def test_posts_that_bring_enough_or_cannot_be_measured_are_left(brought: int, read: int) -> None:
    world = await a_measured_world(asked=500, brought=brought, read=read)
    assert (await world.round()).course is Course.ENGAGE
    assert await world.house.office.list(Input) == ()


async def test_a_marked_report_waits_before_the_campaign_is_over() -> None:
    world = await a_world(Stage.REPORT)
    await world.house.change_agent(capabilities=("copy",))
    await world.round()
    await world.end_all()
    await world.round()
    await world.steering.finish(world.house.campaign.id, by="otto")
    campaign = await world.round()
    assert (campaign.course, campaign.state) == (Course.REPORT_WAITS, CampaignState.RUNNING)
    after = await world.steering.resume(campaign.id, by="otto")
    assert (after.course, after.state) == (Course.FINISHED, CampaignState.FINISHED)


@pytest.mark.parametrize("stage", [Stage.BRIEF, Stage.PLAN])
async def test_silence_cancels_and_halts_the_campaign(stage: Stage) -> None:
    world = await a_world(stage)
    waits = await world.round()
    world.house.clock.advance(HOURS * 3_600 - 2)
    assert (await world.round()).version == waits.version
    world.house.clock.advance(2)
    campaign = await world.round()
    assert (campaign.state, campaign.course) == (CampaignState.CANCELLED, Course.STOPPED)
    (halt,) = await world.house.office.list(Halt)
    assert (halt.halted, halt.reason) == (f"campaign:{campaign.id}", SILENCE)


async def test_a_no_cancels_and_halts_the_campaign_in_one_commit() -> None:
    world = await a_world(Stage.PLAN)
    campaign = await world.round()
    after = await world.steering.refuse(campaign.id, by="otto", note="not this week")
    assert (after.state, after.course) == (CampaignState.CANCELLED, Course.STOPPED)
    assert f"campaign:{campaign.id}" in await world.house.office.halted()
    events = [link.body.decode() for link in await world.house.office.links("office-0")]
    assert EventKind.CAMPAIGN_CHANGED in events[-1]
    assert '"was":"plan_waits"' in events[-1]


async def test_only_what_waits_is_resumed_and_only_what_was_looked_at() -> None:
    world = await a_world(Stage.PLAN)
    campaign = await world.round()
    with pytest.raises(Conflict, match="version"):
        await world.steering.resume(campaign.id, by="otto", version=campaign.version - 1)
    await world.steering.resume(campaign.id, by="otto", version=campaign.version)
    with pytest.raises(Refused) as refusal:
        await world.steering.resume(campaign.id, by="otto")
    assert refusal.value.code == "course_draft_cannot_resume"


async def test_a_crash_between_two_rounds_changes_nothing() -> None:
    """Everything stands in the store: another manager goes on from it."""
    world = await a_world(Stage.PLAN)
    await world.round()
    await world.steering.resume(world.house.campaign.id, by="otto")
    other = World(world.house)
    await other.end_all()
    assert (await other.round()).course is Course.ENGAGE
