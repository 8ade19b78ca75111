"""The stages of a campaign, and where it waits for a person: a total state machine. Pure; decides no action.

A stage is done when nothing of it is left to do. What a manifest marks then waits: at `brief`, `research`, `plan`,
`publish` and `report` the campaign, at `draft`, `review`, `schedule` and `engage` every single action, as a review.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from chimera.domain.machine import Machine


class Stage(StrEnum):
    """A stage of a campaign at which a person can take over."""

    BRIEF = "brief"
    RESEARCH = "research"
    PLAN = "plan"
    DRAFT = "draft"
    REVIEW = "review"
    SCHEDULE = "schedule"
    PUBLISH = "publish"
    ENGAGE = "engage"
    REPORT = "report"


STAGES = tuple(Stage)
# Here a person looks at exact bytes, one action at a time: the gate escalates, and a ruling is the resuming.
MAKING = (Stage.DRAFT, Stage.REVIEW, Stage.SCHEDULE)
BY_REVIEW = frozenset((*MAKING, Stage.ENGAGE))


class Course(StrEnum):
    """How far a campaign is: in a stage, waiting for a person behind it, or over."""

    BRIEF = "brief"
    BRIEF_WAITS = "brief_waits"
    RESEARCH = "research"
    RESEARCH_WAITS = "research_waits"
    PLAN = "plan"
    PLAN_WAITS = "plan_waits"
    DRAFT = "draft"
    DRAFT_WAITS = "draft_waits"
    REVIEW = "review"
    REVIEW_WAITS = "review_waits"
    SCHEDULE = "schedule"
    SCHEDULE_WAITS = "schedule_waits"
    PUBLISH = "publish"
    PUBLISH_WAITS = "publish_waits"
    ENGAGE = "engage"
    ENGAGE_WAITS = "engage_waits"
    REPORT = "report"
    REPORT_WAITS = "report_waits"
    FINISHED = "finished"
    STOPPED = "stopped"

    @property
    def stage(self) -> Stage | None:
        """The stage that it is in, or waits behind; None when it is over."""
        name = self.value.removesuffix("_waits")
        return Stage(name) if name in STAGES else None

    @property
    def waits(self) -> bool:
        """Whether a person is waited for."""
        return self.value.endswith("_waits")

    def is_before(self, stage: Stage) -> bool:
        """Whether the stage has not begun yet. What is over is before nothing."""
        return self.stage is not None and STAGES.index(self.stage) < STAGES.index(stage)


class CourseCommand(StrEnum):
    """What can be asked of a campaign's course.

    `resume` lets the next stage begin, `go_on` the same one: single drafts were ruled on, others are still to come.
    `finish` ends the answering, which ends by itself never.
    """

    ADVANCE = "advance"
    HAND_OVER = "hand_over"
    RESUME = "resume"
    GO_ON = "go_on"
    REPLAN = "replan"
    FINISH = "finish"
    REFUSE = "refuse"
    EXPIRE = "expire"
    STOP = "stop"


_K = CourseCommand
_PLANNED = (Stage.PLAN, *MAKING, Stage.PUBLISH, Stage.ENGAGE)


def waiting(stage: Stage) -> Course:
    """Where a campaign waits behind a stage."""
    return Course(f"{stage}_waits")


def _following(stage: Stage) -> Course:
    return Course.FINISHED if stage is Stage.REPORT else Course(STAGES[STAGES.index(stage) + 1])


def _table() -> dict[tuple[Course, CourseCommand], Course]:
    table: dict[tuple[Course, CourseCommand], Course] = {}
    for stage in STAGES:
        under_way, waits = Course(stage), waiting(stage)
        if stage is not Stage.ENGAGE:
            table[under_way, _K.ADVANCE] = _following(stage)
        table |= {
            (under_way, _K.HAND_OVER): waits,
            (under_way, _K.STOP): Course.STOPPED,
            (waits, _K.RESUME): _following(stage),
            (waits, _K.REFUSE): Course.STOPPED,
            (waits, _K.EXPIRE): Course.STOPPED,
            (waits, _K.STOP): Course.STOPPED,
        }
        if stage in BY_REVIEW:
            table[waits, _K.GO_ON] = under_way
        if stage in _PLANNED:
            table |= {(under_way, _K.REPLAN): Course.PLAN, (waits, _K.REPLAN): Course.PLAN}
    table[Course.ENGAGE, _K.FINISH] = Course.REPORT
    return table


COURSE_MACHINE = Machine("course", Course, CourseCommand, _table())


class Handover(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mark of a manifest: the stage that waits, what the person is to look at, and how long it waits."""

    stage: Stage
    note: str
    seconds: int

    def opened(self, at_us: int) -> Waiting:
        """The waiting that begins now."""
        return Waiting(stage=self.stage, note=self.note, since_us=at_us, deadline_us=at_us + self.seconds * 1_000_000)


class Waiting(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """That a campaign waits for a person: why, since when, and until when. Silence is a no."""

    stage: Stage
    note: str
    since_us: int
    deadline_us: int


def marked(handovers: tuple[Handover, ...], *stages: Stage) -> Handover | None:
    """The first mark at one of the stages, in their order."""
    by_stage = {one.stage: one for one in handovers}
    return next((by_stage[stage] for stage in stages if stage in by_stage), None)


def over_actions(handovers: tuple[Handover, ...], *, is_answer: bool) -> Handover | None:
    """The mark behind which an action waits: that of the campaign's own work, or that of answers."""
    return marked(handovers, Stage.ENGAGE) if is_answer else marked(handovers, *MAKING)


class Passage(Struct, frozen=True):
    """Where a campaign comes to, and what it waits for there."""

    course: Course
    waiting: Waiting | None = None

    def is_followed(self, handovers: tuple[Handover, ...]) -> bool:
        """Whether somebody has to look how far its tasks are: answers, where no person looks at them, never end."""
        stage = self.course.stage
        if stage is None or (self.course.waits and stage not in BY_REVIEW):
            return False
        return stage is not Stage.ENGAGE or marked(handovers, Stage.ENGAGE) is not None


def planned(course: Course, handovers: tuple[Handover, ...], *, at_us: int) -> Passage:
    """Where a campaign stands that has just got a plan of its own."""
    while course in (Course.BRIEF, Course.RESEARCH):
        course = COURSE_MACHINE.after(course, CourseCommand.ADVANCE)
    if course is not Course.PLAN:
        course = COURSE_MACHINE.after(course, CourseCommand.REPLAN)
    mark = marked(handovers, Stage.PLAN)
    if mark is None:
        return Passage(COURSE_MACHINE.after(course, CourseCommand.ADVANCE))
    return Passage(COURSE_MACHINE.after(course, CourseCommand.HAND_OVER), mark.opened(at_us))


def onward(
    passage: Passage, reached: Stage, *, held: Waiting | None, handovers: tuple[Handover, ...], at_us: int
) -> Passage:
    """As far as the work has come: through what is done, up to the first stage that waits.

    `held` is the waiting of the action that was held first, where one is.
    """
    course, stage = passage.course, passage.course.stage
    if stage is None or course.waits:
        is_ruled = stage in BY_REVIEW and (held is None or held.stage is not stage)
        return Passage(COURSE_MACHINE.after(course, CourseCommand.GO_ON)) if is_ruled else passage
    if held is not None and held.stage is stage:
        return Passage(COURSE_MACHINE.after(course, CourseCommand.HAND_OVER), held)
    if STAGES.index(reached) <= STAGES.index(stage):
        return Passage(course)
    mark = None if stage in BY_REVIEW else marked(handovers, stage)
    if mark is not None:
        return Passage(COURSE_MACHINE.after(course, CourseCommand.HAND_OVER), mark.opened(at_us))
    further = Passage(COURSE_MACHINE.after(course, CourseCommand.ADVANCE))
    return onward(further, reached, held=held, handovers=handovers, at_us=at_us)
