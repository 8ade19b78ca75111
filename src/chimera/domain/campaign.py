"""A campaign: a goal with a budget, worked off by one writer. Inputs to it wait until the planner takes them."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from chimera.domain.labels import TRUSTED, Labels
from chimera.domain.machine import Machine
from chimera.domain.record import Record, next_version, shard_of


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


class Campaign(Record, frozen=True, kw_only=True):
    """The state that its planner alone writes. `plans` counts the plans adopted."""

    agent_id: str
    goal: Goal
    plans: int = 0
    state: CampaignState = CampaignState.OPENED

    @property
    def scope(self) -> str:
        return self.agent_id

    @property
    def shard(self) -> int:
        return shard_of(self.id)

    def after(self, command: CampaignCommand) -> Campaign:
        """The campaign after a command, or a named refusal."""
        return replace(next_version(self), state=CAMPAIGN_MACHINE.after(self.state, command))

    def adopt(self) -> Campaign:
        """The campaign with one more plan."""
        return replace(
            next_version(self), plans=self.plans + 1, state=CAMPAIGN_MACHINE.after(self.state, CampaignCommand.ADOPT)
        )


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
