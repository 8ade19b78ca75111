"""An agent's key, as everybody may know it, and what a badge says. Pure; the private half never leaves the vault."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from chimera.domain import ids
from chimera.domain.machine import Machine
from chimera.domain.record import Record, next_version

BADGE_SECONDS_MAX = 900
BADGE_TASKS_MAX = 64


class AgentKeyState(StrEnum):
    """Whether what the key has signed counts."""

    CURRENT = "current"
    REVOKED = "revoked"


class AgentKeyCommand(StrEnum):
    """What can be done with an agent's key."""

    ROTATE = "rotate"
    REVOKE = "revoke"


AGENT_KEY_MACHINE = Machine(
    "agent_key",
    AgentKeyState,
    AgentKeyCommand,
    {
        (AgentKeyState.CURRENT, AgentKeyCommand.ROTATE): AgentKeyState.CURRENT,
        (AgentKeyState.CURRENT, AgentKeyCommand.REVOKE): AgentKeyState.REVOKED,
        (AgentKeyState.REVOKED, AgentKeyCommand.ROTATE): AgentKeyState.CURRENT,
    },
)


def agent_key_id(agent_id: str) -> str:
    """An agent has one key at a time."""
    return ids.derive(agent_id, "key")


class AgentKey(Record, frozen=True, kw_only=True):
    """The public half of an agent's key that counts now."""

    agent_id: str
    public: str
    set_at_us: int
    state: AgentKeyState = AgentKeyState.CURRENT

    @property
    def scope(self) -> str:
        return self.agent_id

    def after(self, command: AgentKeyCommand) -> AgentKey:
        """The key after a command, or a named refusal."""
        return replace(next_version(self), state=AGENT_KEY_MACHINE.after(self.state, command))


class Badge(Struct, frozen=True, kw_only=True):
    """What a verified badge says: which agent, for which tasks, for whom, until when."""

    agent: str
    tasks: tuple[str, ...]
    audience: str
    expires_at_us: int
    identifier: str
