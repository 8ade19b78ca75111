"""A campaign: a goal with a budget, worked off by one writer. Inputs to it wait until the planner takes them."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from chimera.domain.labels import TRUSTED, Labels
from chimera.domain.machine import Machine
from chimera.domain.record import Record, next_version, shard_of
from chimera.domain.stages import (
    COURSE_MACHINE,
    Course,
    CourseCommand,
    Handover,
    Passage,
    Stage,
    Waiting,
    marked,
    onward,
    planned,
)


class CampaignState(StrEnum):
    """Where a campaign is in its life."""

    OPENED = "opened"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"


class CampaignCommand(StrEnum):
    """What can be asked of a campaign."""

    ADOPT = "adopt"
    PAUSE = "pause"
    RESUME = "resume"
    FINISH = "finish"
    CANCEL = "cancel"


_S, _C = CampaignState, CampaignCommand
CAMPAIGN_MACHINE = Machine(
    "campaign",
    CampaignState,
    CampaignCommand,
    {
        (_S.OPENED, _C.ADOPT): _S.RUNNING,
        (_S.OPENED, _C.CANCEL): _S.CANCELLED,
        (_S.RUNNING, _C.ADOPT): _S.RUNNING,
        (_S.RUNNING, _C.PAUSE): _S.PAUSED,
        (_S.RUNNING, _C.FINISH): _S.FINISHED,
        (_S.RUNNING, _C.CANCEL): _S.CANCELLED,
        (_S.PAUSED, _C.RESUME): _S.RUNNING,
        (_S.PAUSED, _C.CANCEL): _S.CANCELLED,
    },
)


class Goal(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator wants, from whom, within which budget."""

    text: str
    agent: str
    platform: str
    budget_micros: int
    posts: int = 1
    constraints: tuple[str, ...] = ()
    begins_at_us: int = 0
    # Nothing of it goes out after this moment: what has not by then is dropped. Zero: it has no end.
    ends_at_us: int = 0
    # Its own steps go before everybody else's. What it answers waits its turn, so that nobody waits for ever.
    urgent: bool = False
    # How often it is planned anew by itself, once all of it has come to its end and falls short of what was asked for:
    # posts that went out and, where a figure is given, engagements for each, so long after the last of them.
    replans: int = 0
    engagements_per_post_millis: int = 0
    measured_after_seconds: int = 3_600


class Campaign(Record, frozen=True, kw_only=True):
    """The state that its planner alone writes. `plans` counts the plans adopted.

    `course` says how far it is, `waiting` why it waits for a person; while `followed`, somebody looks how far its
    tasks are.
    """

    agent_id: str
    goal: Goal
    plans: int = 0
    course: Course = Course.BRIEF
    waiting: Waiting | None = None
    followed: bool = False
    state: CampaignState = CampaignState.OPENED

    @property
    def scope(self) -> str:
        return self.agent_id

    @property
    def shard(self) -> int:
        return shard_of(self.id)

    @property
    def due_us(self) -> int | None:
        if self.followed:
            return 0
        deadline_us = self.waiting.deadline_us if self.waiting else None
        if self.goal.ends_at_us and self._may_end:
            return min(self.goal.ends_at_us, deadline_us or self.goal.ends_at_us)
        return deadline_us

    @property
    def is_over(self) -> bool:
        """Whether nothing more will be planned in it."""
        return CAMPAIGN_MACHINE.is_final(self.state)

    def is_past(self, now_us: int) -> bool:
        """Whether its time is over, and what came of it is not put together already."""
        return 0 < self.goal.ends_at_us <= now_us and self._may_end

    @property
    def _may_end(self) -> bool:
        return not self.is_over and self.course.stage is not Stage.REPORT

    def after(self, command: CampaignCommand) -> Campaign:
        """The campaign after a command, or a named refusal. What is cancelled waits for nobody."""
        state = CAMPAIGN_MACHINE.after(self.state, command)
        if state is not CampaignState.CANCELLED:
            return replace(next_version(self), state=state)
        stopped = COURSE_MACHINE.after(self.course, CourseCommand.STOP)
        return replace(next_version(self), state=state, course=stopped, waiting=None, followed=False)

    def adopt(self) -> Campaign:
        """The campaign with one more plan."""
        return replace(
            next_version(self), plans=self.plans + 1, state=CAMPAIGN_MACHINE.after(self.state, CampaignCommand.ADOPT)
        )

    def adopt_goal(self, handovers: tuple[Handover, ...], *, at_us: int) -> Campaign:
        """With one more plan of its own: a person looks at it first where the manifest says so."""
        passage = planned(self.course, handovers, at_us=at_us)
        return replace(self.adopt(), course=passage.course, waiting=passage.waiting, followed=passage.waiting is None)

    def adopt_research(self) -> Campaign:
        """With a first plan that only finds out. The goal's own plan is still to come: it stays opened."""
        return replace(next_version(self), plans=self.plans + 1, course=self.researched().course)

    def researched(self) -> Campaign:
        """The same version in the stage of research, for what follows from it."""
        if self.course is not Course.BRIEF:
            return self
        return replace(self, course=COURSE_MACHINE.after(self.course, CourseCommand.ADVANCE))

    def hand_over(self, mark: Handover, *, at_us: int) -> Campaign:
        """The campaign as it waits for a person behind the stage that it is in."""
        return replace(
            next_version(self), course=COURSE_MACHINE.after(self.course, CourseCommand.HAND_OVER),
            waiting=mark.opened(at_us), followed=False,
        )  # fmt: skip

    def moved(
        self, *, reached: Stage, held: Waiting | None, handovers: tuple[Handover, ...], at_us: int
    ) -> Campaign | None:
        """The campaign as far as its tasks have brought it; None where nothing changes."""
        passage = onward(Passage(self.course, self.waiting), reached, held=held, handovers=handovers, at_us=at_us)
        followed = passage.is_followed(handovers)
        if (passage.course, passage.waiting, followed) == (self.course, self.waiting, self.followed):
            return None
        return self._at(passage.course, waiting=passage.waiting, followed=followed)

    def resume(self) -> Campaign:
        """The next stage may begin: a person has looked."""
        return self._at(
            COURSE_MACHINE.after(self.course, CourseCommand.RESUME), followed=self.state is not CampaignState.OPENED
        )

    def finish(self) -> Campaign:
        """No more answers: what came of it is put together now."""
        return self._at(COURSE_MACHINE.after(self.course, CourseCommand.FINISH), followed=True)

    def reported(self, handovers: tuple[Handover, ...], *, at_us: int) -> Campaign:
        """What came of it is on record: it is over, or a person looks at that first."""
        mark = marked(handovers, Stage.REPORT)
        if mark is not None:
            return self.hand_over(mark, at_us=at_us)
        return self._at(COURSE_MACHINE.after(self.course, CourseCommand.ADVANCE))

    def end(self, command: CourseCommand) -> Campaign:
        """Stopped because a person refused, or nobody answered: silence is a no."""
        course = COURSE_MACHINE.after(self.course, command)
        return replace(self.after(CampaignCommand.CANCEL), course=course)

    def _at(self, course: Course, *, waiting: Waiting | None = None, followed: bool = False) -> Campaign:
        over = course is Course.FINISHED
        state = CAMPAIGN_MACHINE.after(self.state, CampaignCommand.FINISH) if over else self.state
        return replace(next_version(self), state=state, course=course, waiting=waiting, followed=followed and not over)


class InputState(StrEnum):
    """Whether the planner has taken an input."""

    ADMITTED = "admitted"
    PLANNED = "planned"
    DROPPED = "dropped"


class InputCommand(StrEnum):
    """What can be done with an input."""

    PLAN = "plan"
    DROP = "drop"


INPUT_MACHINE = Machine(
    "input",
    InputState,
    InputCommand,
    {
        (InputState.ADMITTED, InputCommand.PLAN): InputState.PLANNED,
        (InputState.ADMITTED, InputCommand.DROP): InputState.DROPPED,
    },
)


# A person asks for another plan: an input like any, which the planner alone answers.
REPLAN = "replan"


class Input(Record, frozen=True, kw_only=True):
    """Something that came in and was admitted: a goal, a mention, a trend. Cleaned, labelled, with its threat level."""

    campaign_id: str
    kind: str
    payload: dict[str, Any]
    labels: Labels
    threat: str
    admitted_at_us: int
    purpose: str = ""
    state: InputState = InputState.ADMITTED

    @property
    def scope(self) -> str:
        return self.campaign_id

    @property
    def shard(self) -> int:
        return shard_of(self.campaign_id)

    @property
    def due_us(self) -> int:
        return self.admitted_at_us

    @property
    def asks_for_plan(self) -> bool:
        """Whether the operator asks for another plan. Nobody else can, whatever they call what they send."""
        return self.kind == REPLAN and self.labels == TRUSTED

    def after(self, command: InputCommand) -> Input:
        """The input after a command, or a named refusal."""
        return replace(next_version(self), state=INPUT_MACHINE.after(self.state, command))
