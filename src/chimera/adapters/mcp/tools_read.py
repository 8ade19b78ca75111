"""Read tools over MCP: only what reads, only what the agent may, arguments by schema, answers labelled and bounded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import jsonschema_rs
from mcp import types as mcp_types

from chimera.adapters.mcp.plain import plain
from chimera.adapters.mcp.session import McpSession
from chimera.domain import canonical, labels, refusals
from chimera.domain.errors import Invalid, Refused, Unavailable
from chimera.governance.security.gateway import SecurityGateway
from chimera.ports.calls import Calls
from chimera.ports.tools_read import MayUse, ToolAnswer

ANSWER_BYTES_MAX = 32_768
CALL_SECONDS_MAX = 10.0
TRIES = 2
PLATFORM = "platform"


class McpToolsRead:
    """One session per platform; a call names its `platform` among its arguments, unless there is only one.

    `may_use(agent_id, tool)` says who may use what; nothing else does. `calls` counts what is read of networks.
    """

    def __init__(
        self,
        sessions: Mapping[str, McpSession],
        *,
        may_use: MayUse,
        answer_bytes_max: int = ANSWER_BYTES_MAX,
        call_seconds_max: float = CALL_SECONDS_MAX,
        security: SecurityGateway | None = None,
        calls: Calls | None = None,
    ) -> None:
        self._calls = calls
        self._sessions = dict(sessions)
        self._may_use = may_use
        self._answer_bytes_max = answer_bytes_max
        self._call_seconds_max = call_seconds_max
        self._security = security

    async def call(self, tool: str, arguments: dict[str, Any], *, agent_id: str) -> ToolAnswer:
        """What the tool returned, as a stranger's word."""
        if not await self._may_use(agent_id, tool):
            raise refusals.tool_not_permitted(tool)
        session = self._session_for(arguments)
        asked = {name: value for name, value in arguments.items() if name != PLATFORM}
        await _require_readable(session, tool, asked)
        if self._security is not None:
            offered = (await session.tools())[tool]
            described = {"description": offered.description or "", "schema": plain(offered.input_schema)}
            self._security.require_harmless(described, what=f"the tool {tool}")
        await self._count(arguments, agent_id)
        content = _content(tool, await _called(session, tool, asked, seconds=self._call_seconds_max))
        return ToolAnswer(
            content=canonical.shortened(content, bytes_max=self._answer_bytes_max),
            labels=labels.union((labels.PUBLIC, labels.tool(tool))),
        )

    async def _count(self, arguments: dict[str, Any], agent_id: str) -> None:
        """Before the call, in the windows in which the network's acts count."""
        if self._calls is not None:
            platform = str(arguments.get(PLATFORM) or next(iter(self._sessions)))
            await self._calls.count(platform, account=str(arguments.get("account") or ""), agent_id=agent_id)

    def _session_for(self, arguments: dict[str, Any]) -> McpSession:
        named = arguments.get(PLATFORM)
        platforms = tuple(self._sessions) if named is None else (named,)
        if len(platforms) != 1 or platforms[0] not in self._sessions:
            raise Invalid(
                "platform_unknown",
                f"there are no read tools for {str(named)[:60]!r}",
                where=PLATFORM,
                remedy=f"name one of {', '.join(sorted(self._sessions))}",
            )
        return self._sessions[platforms[0]]


async def _require_readable(session: McpSession, tool: str, arguments: dict[str, Any]) -> None:
    offered = (await session.tools()).get(tool)
    if offered is None:
        raise Invalid(
            "tool_unknown",
            f"there is no tool {tool[:80]!r}",
            where="tool",
            remedy="use a tool that is offered: chimera tools list",
        )
    if offered.annotations is None or offered.annotations.read_only_hint is not True:
        raise Refused(
            "tool_not_read_only", f"{tool} does more than read", where=tool, remedy="propose an action instead"
        )
    error = next(jsonschema_rs.iter_errors(offered.input_schema, arguments), None)
    if error is not None:
        raise Invalid(
            "tool_arguments", error.message[:300], where=f"{tool}.arguments", remedy="the task is tried again by itself"
        )


async def _called(
    session: McpSession, name: str, arguments: dict[str, Any], *, seconds: float
) -> mcp_types.CallToolResult:
    """The answer. Reading is repeated once: it changes nothing."""
    for _ in range(TRIES - 1):
        try:
            return await session.call(name, arguments, seconds=seconds)
        except Unavailable:
            continue
    return await session.call(name, arguments, seconds=seconds)


def _content(tool: str, answer: mcp_types.CallToolResult) -> dict[str, Any]:
    structured: Any = answer.structured_content
    said = "\n".join(block.text for block in answer.content if isinstance(block, mcp_types.TextContent))
    content = plain(cast("dict[str, Any]", structured)) if isinstance(structured, dict) else {"text": plain(said)}
    if not answer.is_error:
        return content
    if content.get("later") is True:
        raise Unavailable("tool_unavailable", said[:300], where=tool, remedy="it is tried again by itself")
    raise Invalid("tool_failed", said[:300], where=tool, remedy="the task is tried again by itself")
