"""A campaign's course: from every state every way on, whatever is marked, ends only where it may."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from chimera.domain.campaign import Campaign, CampaignCommand, CampaignState, Goal
from chimera.domain.errors import Refused
from chimera.domain.stages import (
    BY_REVIEW,
    COURSE_MACHINE,
    STAGES,
    Course,
    CourseCommand,
    Handover,
    Passage,
    Stage,
    onward,
    over_actions,
    waiting,
)

pytestmark = pytest.mark.requirement("R-B7")

GOAL = Goal(text="Tell the news.", agent="a", platform="sandbox", budget_micros=1)
CAMPAIGN = Campaign(id="0193f3a8-7c00-7a11-8b22-0123456789ab", agent_id="a", goal=GOAL)
marks = some.sets(some.sampled_from(STAGES)).map(
    lambda stages: tuple(Handover(stage=one, note=f"look at {one}", seconds=60) for one in sorted(stages))
)


def mark(stage: Stage) -> Handover:
    return Handover(stage=stage, note="look", seconds=60)


@given(course=some.sampled_from(list(Course)), reached=some.sampled_from(STAGES[3:8]), handovers=marks)
def test_work_never_carries_a_campaign_past_a_person(
    course: Course, reached: Stage, handovers: tuple[Handover, ...]
) -> None:
    """Whatever is done: between where it was and where it comes to, no stage of the campaign is marked."""
    before, after = course.stage, onward(Passage(course), reached, held=None, handovers=handovers, at_us=5)
    assert (after.waiting is not None) == (after.course.waits and after.course is not course)
    if before is None or course.waits:
        assert after.course in (course, Course(before) if before in BY_REVIEW else course)
        return
    assert after.course.stage is not None
    passed = STAGES[STAGES.index(before) : STAGES.index(after.course.stage)]
    assert not {one.stage for one in handovers if one.stage not in BY_REVIEW} & set(passed)
    assert STAGES.index(after.course.stage) <= max(STAGES.index(before), STAGES.index(reached))


@given(commands=some.lists(some.sampled_from(list(CourseCommand)), max_size=60))
def test_whatever_is_asked_the_course_is_somewhere_and_what_is_over_stays_over(commands: list[CourseCommand]) -> None:
    course = Course.BRIEF
    for command in commands:
        try:
            following = COURSE_MACHINE.after(course, command)
        except Refused as refusal:
            assert refusal.code == f"course_{course}_cannot_{command}"
            continue
        assert course.stage is not None
        if course.waits:
            assert command is not CourseCommand.ADVANCE
        course = following


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_can_wait_be_resumed_refused_and_run_out(stage: Stage) -> None:
    waits = COURSE_MACHINE.after(Course(stage), CourseCommand.HAND_OVER)
    assert waits is waiting(stage)
    assert waits.waits
    assert waits.stage is stage
    resumed = COURSE_MACHINE.after(waits, CourseCommand.RESUME)
    assert resumed is Course.FINISHED if stage is Stage.REPORT else not resumed.is_before(stage)
    for command in (CourseCommand.REFUSE, CourseCommand.EXPIRE, CourseCommand.STOP):
        assert COURSE_MACHINE.after(waits, command) is Course.STOPPED


def test_a_plan_that_is_marked_waits_with_its_deadline_and_is_let_on_by_resuming() -> None:
    planned = CAMPAIGN.adopt_goal((mark(Stage.PLAN),), at_us=1_000)
    assert (planned.course, planned.state, planned.due_us) == (Course.PLAN_WAITS, CampaignState.RUNNING, 60_001_000)
    resumed = planned.resume()
    assert (resumed.course, resumed.waiting, resumed.due_us) == (Course.DRAFT, None, 0)


def test_an_unmarked_plan_goes_on_and_work_that_is_done_brings_it_to_the_answers() -> None:
    planned = CAMPAIGN.adopt_goal((), at_us=1_000)
    assert (planned.course, planned.due_us) == (Course.DRAFT, 0)
    engaged = planned.moved(reached=Stage.ENGAGE, held=None, handovers=(), at_us=2_000)
    assert engaged is not None
    assert (engaged.course, engaged.due_us, engaged.version) == (Course.ENGAGE, None, planned.version + 1)
    assert engaged.moved(reached=Stage.ENGAGE, held=None, handovers=(), at_us=3_000) is None


def test_a_campaign_that_nobody_finishes_answers_on() -> None:
    with pytest.raises(Refused, match="cannot advance"):
        COURSE_MACHINE.after(Course.ENGAGE, CourseCommand.ADVANCE)


def test_a_single_draft_that_waits_holds_the_stage_until_it_is_ruled_on() -> None:
    marks_, held = (mark(Stage.DRAFT),), mark(Stage.DRAFT).opened(7)
    drafting = CAMPAIGN.adopt_goal(marks_, at_us=1)
    waits = drafting.moved(reached=Stage.REVIEW, held=held, handovers=marks_, at_us=9)
    assert waits is not None
    assert (waits.course, waits.waiting, waits.due_us) == (Course.DRAFT_WAITS, held, 0)
    assert waits.moved(reached=Stage.REVIEW, held=held, handovers=marks_, at_us=10) is None
    ruled = waits.moved(reached=Stage.DRAFT, held=None, handovers=marks_, at_us=11)
    assert ruled is not None
    assert (ruled.course, ruled.waiting) == (Course.DRAFT, None)


@pytest.mark.parametrize("command", [CourseCommand.REFUSE, CourseCommand.EXPIRE])
def test_a_no_and_silence_both_cancel_the_campaign(command: CourseCommand) -> None:
    ended = CAMPAIGN.hand_over(mark(Stage.BRIEF), at_us=1).end(command)
    assert (ended.state, ended.course, ended.waiting) == (CampaignState.CANCELLED, Course.STOPPED, None)


def test_only_the_last_stage_finishes_a_campaign() -> None:
    reporting = CAMPAIGN.adopt_goal((), at_us=1).moved(reached=Stage.ENGAGE, held=None, handovers=(), at_us=2)
    assert reporting is not None
    reporting = reporting.finish()
    assert (reporting.course, reporting.state, reporting.due_us) == (Course.REPORT, CampaignState.RUNNING, 0)
    finished = reporting.reported((), at_us=3)
    assert (finished.course, finished.state, finished.due_us) == (Course.FINISHED, CampaignState.FINISHED, None)
    waits = reporting.reported((mark(Stage.REPORT),), at_us=3)
    assert (waits.course, waits.state) == (Course.REPORT_WAITS, CampaignState.RUNNING)
    assert waits.resume().state is CampaignState.FINISHED


def test_a_campaign_that_still_makes_something_cannot_be_finished() -> None:
    with pytest.raises(Refused, match="course_draft_cannot_finish"):
        CAMPAIGN.adopt_goal((), at_us=1).finish()


def test_another_plan_goes_back_to_the_person_who_looks_at_plans() -> None:
    marks_ = (mark(Stage.PLAN),)
    drafting = CAMPAIGN.adopt_goal(marks_, at_us=1).resume()
    assert drafting.adopt_goal(marks_, at_us=9).course is Course.PLAN_WAITS


def test_what_is_cancelled_waits_for_nobody() -> None:
    cancelled = CAMPAIGN.hand_over(mark(Stage.BRIEF), at_us=1).after(CampaignCommand.CANCEL)
    assert (cancelled.course, cancelled.waiting, cancelled.due_us) == (Course.STOPPED, None, None)


def test_which_mark_an_action_waits_behind() -> None:
    both = (mark(Stage.SCHEDULE), mark(Stage.ENGAGE))
    assert over_actions(both, is_answer=False) == mark(Stage.SCHEDULE)
    assert over_actions(both, is_answer=True) == mark(Stage.ENGAGE)
    assert over_actions((mark(Stage.PLAN),), is_answer=False) is None
