"""A network as an MCP server: tools with schemas, keys and honest annotations. Every connector is served from here.

A declined act says `happened: false`. An error without it proves nothing: then `find_by_key` is to be asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import jsonschema_rs
import msgspec
from mcp import types as mcp_types
from mcp.server import Server
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError

from chimera.domain.offered import Tool
from chimera.ports.network import Accepted, Act, Answer, Declined, Network, Silence

FIND = "find_by_key"
VERSION = "1"
Context: TypeAlias = ServerRequestContext[Any]
Arguments: TypeAlias = dict[str, Any]


def build(name: str, network: Network, tools: Iterable[Tool], *, instructions: str) -> Server[Any]:
    """A server over one network. Several clients may use it at once."""
    desk = _Desk(network, tools)
    return Server(
        name, version=VERSION, instructions=instructions, on_list_tools=desk.list_tools, on_call_tool=desk.call
    )


def described(tool: Tool) -> mcp_types.Tool:
    """A tool as clients see it."""
    return mcp_types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=tool.schema,
        annotations=mcp_types.ToolAnnotations(
            title=tool.title,
            read_only_hint=tool.is_read_only,
            destructive_hint=tool.is_destructive,
            idempotent_hint=True,
            open_world_hint=True,
        ),
    )


class _Desk:
    """Takes the calls: checks the arguments, asks the network, words the answer."""

    def __init__(self, network: Network, tools: Iterable[Tool]) -> None:
        self._network = network
        self._tools = {tool.name: tool for tool in tools}
        self._forms = {tool.name: jsonschema_rs.validator_for(tool.schema) for tool in self._tools.values()}

    async def list_tools(
        self, _context: Context, _params: mcp_types.PaginatedRequestParams | None
    ) -> mcp_types.ListToolsResult:
        """Everything that is offered."""
        return mcp_types.ListToolsResult(tools=[described(tool) for tool in self._tools.values()])

    async def call(self, _context: Context, params: mcp_types.CallToolRequestParams) -> mcp_types.CallToolResult:
        """One call, answered."""
        tool = self._tools.get(params.name)
        if tool is None:
            raise MCPError(mcp_types.INVALID_PARAMS, f"there is no tool {params.name[:60]!r}")
        arguments = dict(params.arguments or {})
        error = next(self._forms[tool.name].iter_errors(arguments), None)
        if error is not None:
            place = "/".join(map(str, error.instance_path)) or "arguments"
            return _declined(Declined("arguments_malformed", f"{place}: {error.message}"[:300]))
        if tool.name == FIND:
            return _found(await self._network.find(str(arguments["account"]), str(arguments["key"])))
        if tool.is_read_only:
            read = await self._network.read(tool.name, arguments)
            return _declined(read) if isinstance(read, Declined) else _result(read)
        account, key = str(arguments.pop("account")), str(arguments.pop("key"))
        act = Act(kind=tool.kind, platform=tool.platform, account=account, key=key, arguments=arguments)
        return _answered(await self._network.act(act))


def _answered(answer: Answer) -> mcp_types.CallToolResult:
    match answer:
        case Accepted(receipt):
            return _result(receipt)
        case Declined() as declined:
            return _declined(declined)
        case Silence(reason):
            # What a client sees when the far end is gone in mid-call: an error that proves nothing.
            raise MCPError(mcp_types.INTERNAL_ERROR, reason)


def _found(answer: Accepted | Declined | None) -> mcp_types.CallToolResult:
    match answer:
        case Accepted(receipt):
            return _result({"found": True, "receipt": receipt})
        case None:
            return _result({"found": False})
        case Declined() as declined:
            return _declined(declined)


def _result(content: dict[str, Any]) -> mcp_types.CallToolResult:
    text = msgspec.json.encode(content).decode()
    return mcp_types.CallToolResult(content=[mcp_types.TextContent(text=text)], structured_content=content)


def _declined(declined: Declined) -> mcp_types.CallToolResult:
    content = {"happened": False, "code": declined.code, "message": declined.message, "later": declined.later}
    said = mcp_types.TextContent(text=f"{declined.message} [{declined.code}]")
    return mcp_types.CallToolResult(content=[said], structured_content=content, is_error=True)
