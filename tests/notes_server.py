"""A real tool server over standard input and output that keeps notes in a file: `python -m tests.notes_server FILE`.

`add_note` writes whatever it is told, as often as it is told. `book_note` has an idempotency key and writes each once.
Beside the file, `FILE.strike` may name a process: it is killed after the next note is on disk and before the answer.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from mcp import types as mcp_types
from mcp.server import Server
from mcp.server.stdio import stdio_server

TEXT = {"type": "string", "minLength": 1, "maxLength": 500}
PLAIN = {"type": "object", "properties": {"text": TEXT, "weight": {"type": "number"}}, "required": ["text"],
         "additionalProperties": False}  # fmt: skip
KEYED = {"type": "object", "properties": {"text": TEXT, "idempotency_key": {"type": "string"}},
         "required": ["text", "idempotency_key"], "additionalProperties": False}  # fmt: skip
REFUSED = "refuse"


def tools(says: str) -> list[mcp_types.Tool]:
    return [
        mcp_types.Tool(name="add_note", description=says, input_schema=PLAIN),
        mcp_types.Tool(name="book_note", description="Adds a note once for each key.", input_schema=KEYED),
        mcp_types.Tool(name="read_notes", description="Reads the notes.", input_schema={"type": "object"},
                       annotations=mcp_types.ToolAnnotations(read_only_hint=True)),
    ]  # fmt: skip


def said(text: str, *, is_error: bool = False) -> mcp_types.CallToolResult:
    return mcp_types.CallToolResult(content=[mcp_types.TextContent(text=text)], is_error=is_error)


def lines_of(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


def write(file: Path, line: str) -> None:
    with file.open("a") as notes:
        notes.write(f"{line}\n")
        notes.flush()
        os.fsync(notes.fileno())


def strike(file: Path) -> None:
    """Kill whoever is named (or itself), once: what was asked for has happened, and nobody is told."""
    armed = file.with_suffix(".strike")
    if armed.exists():
        process = int(armed.read_text() or os.getpid())
        armed.unlink()
        os.kill(process, signal.SIGKILL)


def called(file: Path, tool: str, given: dict[str, Any]) -> mcp_types.CallToolResult:
    if tool == "read_notes":
        return said("\n".join(lines_of(file)))
    if given["text"] == REFUSED:
        return said("not this one", is_error=True)
    line = f"{given.get('idempotency_key', '-')} {given['text']}"
    if tool == "add_note" or line not in lines_of(file):
        write(file, line)
    strike(file)
    return said(f"noted: {given['text']}")


def server_of(file: Path, *, says: str = "Adds a note.") -> Server[Any]:
    async def on_list(_context: Any, _params: Any) -> mcp_types.ListToolsResult:
        return mcp_types.ListToolsResult(tools=tools(says))

    async def on_call(_context: Any, params: mcp_types.CallToolRequestParams) -> mcp_types.CallToolResult:
        return called(file, params.name, dict(params.arguments or {}))

    return Server("notes", on_list_tools=on_list, on_call_tool=on_call)


async def main(file: Path) -> None:
    server = server_of(file)
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
