"""Tools that only read. What they return is a stranger's word until labelled otherwise."""

from __future__ import annotations

from typing import Any, Protocol

from msgspec import Struct

from chimera.domain.labels import Labels


class ToolAnswer(Struct, frozen=True, kw_only=True):
    """What a tool returned, with the label of its source."""

    content: dict[str, Any]
    labels: Labels
    cost_micros: int = 0


class ToolsRead(Protocol):
    """The read tools that an agent is permitted to use. Raises `Refused`, `Unavailable`, `Invalid`."""

    async def call(self, tool: str, arguments: dict[str, Any], *, agent_id: str) -> ToolAnswer: ...
