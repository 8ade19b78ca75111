"""Imported skills as reading material: an MCP server like any other, whose tools a person pins and permits.

Reads what lies in quarantine; runs nothing of it. What it returns is a stranger's word.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from mcp import types as mcp_types
from mcp.server import Server

from chimera.domain.errors import ChimeraError, Invalid, Missing
from chimera.domain.imported import SKILL_FILE, ImportedSkill

NAME, VERSION = "skills", "1"
TEXT_BYTES_MAX = 32_768
Files = Callable[[ImportedSkill], Mapping[str, bytes]]
_TEXT = {"type": "string", "minLength": 1, "maxLength": 200}
_HINTS = mcp_types.ToolAnnotations(read_only_hint=True, destructive_hint=False, open_world_hint=False)
TOOLS = (
    mcp_types.Tool(name="list_skills", description="Names and descriptions of the imported skills.", annotations=_HINTS,
                   input_schema={"type": "object", "properties": {}, "additionalProperties": False}),
    mcp_types.Tool(name="read_skill", description="A text file of an imported skill; its SKILL.md, if none is named.",
                   annotations=_HINTS,
                   input_schema={"type": "object", "properties": {"name": _TEXT, "file": _TEXT}, "required": ["name"],
                                 "additionalProperties": False}),
)  # fmt: skip


class Skills:
    """Answers from what was imported. A skill that is imported while this runs is seen when it is started again."""

    def __init__(self, imported: Sequence[ImportedSkill], files: Files) -> None:
        self._imported = {one.name: one for one in imported}
        self._files = files

    def server(self) -> Server[Any]:
        """The MCP server."""

        async def on_list(_context: object, _params: object) -> mcp_types.ListToolsResult:
            return mcp_types.ListToolsResult(tools=list(TOOLS))

        async def on_call(_context: object, params: mcp_types.CallToolRequestParams) -> mcp_types.CallToolResult:
            return self.answer(params.name, dict(params.arguments or {}))

        return Server(NAME, version=VERSION, on_list_tools=on_list, on_call_tool=on_call)

    def answer(self, tool: str, arguments: dict[str, Any]) -> mcp_types.CallToolResult:
        """The result of one call, or why there is none."""
        try:
            return _said(self._told(tool, arguments), is_error=False)
        except ChimeraError as error:
            return _said({"code": error.code, "reason": error.message}, is_error=True)

    def _told(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if tool == "list_skills":
            return {"skills": [{"name": one.name, "description": one.description, "publisher": one.publisher,
                                "files": list(one.files)} for one in self._imported.values()]}  # fmt: skip
        if tool != "read_skill":
            raise Invalid(
                "tool_unknown",
                f"there is no tool {tool[:80]!r}",
                where="tool",
                remedy="use a tool that is offered: chimera tools list",
            )
        skill, file = self._imported.get(str(arguments.get("name"))), str(arguments.get("file") or SKILL_FILE)
        if skill is None or file not in skill.files:
            raise Missing(
                "skill_missing",
                "there is no such skill, or no such file in it",
                where="name",
                remedy="name an archive that lies beside its .sig",
            )
        data = self._files(skill)[file]
        return {"name": skill.name, "file": file, "text": data[:TEXT_BYTES_MAX].decode("utf-8", "replace")}


def _said(told: dict[str, Any], *, is_error: bool) -> mcp_types.CallToolResult:
    text = mcp_types.TextContent(text=msgspec.json.encode(told).decode())
    return mcp_types.CallToolResult(content=[text], structured_content=told, is_error=is_error)
