"""Read tools that live in different places, as one: each call goes to where its tool is. Decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chimera.ports.tools_read import ToolAnswer, ToolsRead


class ByTool:
    """Implements `ports.tools_read.ToolsRead`: the named tools elsewhere, every other one where it was."""

    def __init__(self, tools: ToolsRead, elsewhere: Mapping[str, ToolsRead]) -> None:
        self._tools = tools
        self._elsewhere = dict(elsewhere)

    async def call(self, tool: str, arguments: dict[str, Any], *, agent_id: str) -> ToolAnswer:
        """The answer of whoever has the tool."""
        return await self._elsewhere.get(tool, self._tools).call(tool, arguments, agent_id=agent_id)
