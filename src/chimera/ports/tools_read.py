"""Tools that only read. What they return is a stranger's word until labelled otherwise."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeAlias

from msgspec import Struct

from chimera.domain.labels import Labels

# Whether an agent, by its id, may use a tool.
MayUse: TypeAlias = Callable[[str, str], Awaitable[bool]]


class ToolAnswer(Struct, frozen=True, kw_only=True):
    """What a tool returned, with the label of its source."""

    content: dict[str, Any]
    labels: Labels
    cost_micros: int = 0


class ToolsRead(Protocol):
    """The read tools that an agent is permitted to use. Raises `Refused`, `Unavailable`, `Invalid`."""

    async def call(self, tool: str, arguments: dict[str, Any], *, agent_id: str) -> ToolAnswer: ...
