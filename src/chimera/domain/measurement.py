"""What came of a post whose ways a bandit chose: what people did about it, and what trouble it made. Pure.

Owed until the network was asked; what went out and was taken down again has done harm, for ever.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec.structs import replace

from chimera.domain import ids
from chimera.domain.machine import Machine
from chimera.domain.record import Record, next_version, shard_of


class MeasurementState(StrEnum):
    """Whether it is known what came of the post."""

    OWED = "owed"
    MEASURED = "measured"
    VOID = "void"
    HARMFUL = "harmful"


class MeasurementCommand(StrEnum):
    """What can be said of it."""

    MEASURE = "measure"
    GIVE_UP = "give_up"
    HARM = "harm"
    WAIT = "wait"


_S, _C = MeasurementState, MeasurementCommand
MEASUREMENT_MACHINE = Machine(
    "measurement",
    MeasurementState,
    MeasurementCommand,
    {
        (_S.OWED, _C.WAIT): _S.OWED,
        (_S.OWED, _C.MEASURE): _S.MEASURED,
        (_S.OWED, _C.GIVE_UP): _S.VOID,
        (_S.OWED, _C.HARM): _S.HARMFUL,
        (_S.MEASURED, _C.HARM): _S.HARMFUL,
        (_S.VOID, _C.HARM): _S.HARMFUL,
    },
)


def measurement_id(task_id: str) -> str:
    """The id of what came of a task's post."""
    return ids.derive(task_id, "measurement")


class Measurement(Record, frozen=True, kw_only=True):
    """One post. `variants` are those that count for it, by factor; `troubles` say what it made beside engagement."""

    agent_id: str
    campaign_id: str
    task_id: str
    variants: dict[str, str]
    due_at_us: int
    begins_at_us: int
    looked: int = 0
    engagements: int = 0
    impressions: int | None = None
    troubles: tuple[str, ...] = ()
    state: MeasurementState = MeasurementState.OWED

    @property
    def scope(self) -> str:
        return self.agent_id

    @property
    def shard(self) -> int:
        return shard_of(self.campaign_id)

    @property
    def due_us(self) -> int:
        return self.due_at_us

    @property
    def has_harmed(self) -> bool:
        """Whether what went out was taken down again, or is going to be."""
        return self.state is MeasurementState.HARMFUL

    @property
    def is_measured(self) -> bool:
        """Whether it says what people did."""
        return self.state is MeasurementState.MEASURED

    def after(self, command: MeasurementCommand) -> Measurement:
        """The measurement after a command, or a named refusal."""
        return replace(next_version(self), state=MEASUREMENT_MACHINE.after(self.state, command))
