"""A halt: nothing begins in its scope until a person lifts it; after a pause nothing new is planned there. Pure.

One whose campaign is cancelled and has nothing under way any more is *outlived*: nothing is left that could begin.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec.structs import replace

from chimera.domain.machine import Machine
from chimera.domain.record import Record, next_version


class HaltState(StrEnum):
    """Whether a halt is in force."""

    ACTIVE = "active"
    PAUSED = "paused"
    LIFTED = "lifted"
    OUTLIVED = "outlived"


IN_FORCE = (str(HaltState.ACTIVE), str(HaltState.PAUSED))


class HaltCommand(StrEnum):
    """What can be done with a halt."""

    LIFT = "lift"
    OUTLIVE = "outlive"


_STANDING = (HaltState.ACTIVE, HaltState.PAUSED)
HALT_MACHINE = Machine(
    "halt",
    HaltState,
    HaltCommand,
    {(state, HaltCommand.LIFT): HaltState.LIFTED for state in _STANDING}
    | {(state, HaltCommand.OUTLIVE): HaltState.OUTLIVED for state in _STANDING},
)


class Halt(Record, frozen=True, kw_only=True):
    """Who stopped or paused what, why, and who let it go on."""

    halted: str
    reason: str
    by: str
    since_us: int
    lifted_by: str = ""
    lifted_at_us: int = 0
    state: HaltState = HaltState.ACTIVE

    @property
    def scope(self) -> str:
        return self.halted

    def lifted(self, *, by: str, at_us: int = 0) -> Halt:
        """The halt lifted, or a named refusal."""
        return replace(next_version(self), state=HALT_MACHINE.after(self.state, HaltCommand.LIFT), lifted_by=by,
                       lifted_at_us=at_us)  # fmt: skip

    def outlived(self) -> Halt:
        """The halt without anything left that it could stop, or a named refusal."""
        return replace(next_version(self), state=HALT_MACHINE.after(self.state, HaltCommand.OUTLIVE))
