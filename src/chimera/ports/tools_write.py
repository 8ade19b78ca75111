"""Calls tools that do more than read. Only `pipeline.effects` has what calls through it, by its publisher."""

from __future__ import annotations

from typing import Any, Protocol

from chimera.domain.tools import Definition
from chimera.ports.toolbox import Told


class ToolsWrite(Protocol):
    """Tool servers as those reach them who may act.

    `Unavailable("tool_server_unreached")` and `Refused` say that nothing was sent; any other `Unavailable` that nobody
    knows what came of it. Nothing is ever sent twice by itself.
    """

    async def known(self, server: str, tool: str) -> Definition | None:
        """The tool as its server offers it now: the server is asked."""
        ...

    async def act(self, server: str, tool: str, arguments: dict[str, Any], *, caller: str) -> Told:
        """What the tool answered: it was called once."""
        ...
