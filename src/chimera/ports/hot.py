"""What agents do at this moment, for screens and scaling. Fast and forgetful: nothing is decided on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Protocol

from msgspec import Struct


class Status(StrEnum):
    """What an agent does."""

    IDLE = "idle"
    WORKING = "working"
    ACTING = "acting"
    WAITING = "waiting"


class Pulse(Struct, frozen=True, kw_only=True):
    """An agent's heartbeat: what it does, at which task, since when."""

    agent_id: str
    status: Status
    task_id: str = ""
    at_us: int = 0


class HotState(Protocol):
    """Keeps each pulse for its lifetime, and counters. Raises `Unavailable`; may forget everything at any moment."""

    async def beat(self, pulses: Sequence[Pulse]) -> None:
        """Keep these, each instead of the agent's last one."""
        ...

    async def look(self, agent_ids: Sequence[str]) -> Mapping[str, Pulse]:
        """The last pulse of those that have one and whose lifetime is not over."""
        ...

    async def count(self, more: Mapping[str, int]) -> None:
        """Add to counters."""
        ...

    async def counters(self) -> Mapping[str, int]: ...

    async def begin(self, counted: Mapping[str, int]) -> None:
        """Set the counters and the mark that says: what is kept here was built, and nothing was forgotten since."""
        ...

    async def is_whole(self) -> bool:
        """Whether the mark still stands."""
        ...

    async def may_build(self, *, seconds: float) -> bool:
        """Whether nobody else is at building it; then nobody else may for so long, or until it has begun."""
        ...
