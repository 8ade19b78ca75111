"""Reads the simulated network without a wire: for virtual time. The same tools, schemas and labels as over MCP."""

from __future__ import annotations

from typing import Any

from chimera.domain import labels, refusals
from chimera.domain.errors import Invalid, Unavailable
from chimera.ports.network import Declined
from chimera.ports.tools_read import MayUse, ToolAnswer
from chimera.rehearsal import catalogue, views
from chimera.rehearsal.line import Line


class RehearsalToolsRead:
    """`may_use(agent_id, tool)` says who may use what; nothing else does."""

    def __init__(self, line: Line, *, may_use: MayUse) -> None:
        self._line = line
        self._may_use = may_use

    async def call(self, tool: str, arguments: dict[str, Any], *, agent_id: str) -> ToolAnswer:
        """What the tool returned, as a stranger's word."""
        if not await self._may_use(agent_id, tool):
            raise refusals.tool_not_permitted(tool)
        reader = views.READERS.get(tool)
        if reader is None:
            raise Invalid(
                "tool_unknown",
                f"there is no tool {tool[:80]!r}",
                where="tool",
                remedy="use a tool that is offered: chimera tools list",
            )
        asked = {name: value for name, value in arguments.items() if name != "platform"}
        if fault := catalogue.fault_in_call(tool, asked):
            raise Invalid(
                "tool_arguments", fault, where=f"{tool}.arguments", remedy="the task is tried again by itself"
            )
        match self._line.read():
            case Declined(code, message):
                raise Unavailable(
                    "tool_unavailable", f"{message} [{code}]", where=tool, remedy="it is tried again by itself"
                )
            case network:
                said_by = labels.union((labels.PUBLIC, labels.tool(tool)))
                return ToolAnswer(content=reader(network, asked), labels=said_by)
