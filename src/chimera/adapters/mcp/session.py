"""One client session to one MCP server, kept open by a task of its own. Says whether a call can have had an effect.

The library's contexts must be left by the task that entered them, so nobody but the supervisor enters one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, TypeAlias, cast

import anyio
from mcp import Client, StdioServerParameters
from mcp import types as mcp_types
from mcp.server import Server
from mcp.shared.exceptions import MCPError
from msgspec import Struct

from chimera.domain.errors import Unavailable
from chimera.ports.clock import Clock

NOT_SENT = "mcp_not_sent"
REPLY_LOST = "mcp_reply_lost"
NOT_SENT_REMEDY = "it is tried again by itself"
REPLY_LOST_REMEDY = "the act is in doubt and is looked up: docs/runbooks/in-doubt-effects.md"
CONNECT_SECONDS_MAX = 10.0
CALL_SECONDS_MAX = 30.0
RETRY_SECONDS_MIN = 0.1
RETRY_SECONDS_MAX = 5.0
PAGES_MAX = 20

INPUT_ROUNDS_MAX = 1
TOOLS_MAX = 2_000


class Fresh(Struct, frozen=True):
    """A transport of our own, made anew for each connection."""

    make: Callable[[], AbstractAsyncContextManager[Any]]


# In this process, at a URL, a child process, or a transport of our own.
Target: TypeAlias = Server[Any] | str | StdioServerParameters | Fresh
_BROKEN = (anyio.ClosedResourceError, anyio.BrokenResourceError, anyio.EndOfStream, OSError)


class McpSession:
    """`async with McpSession(target, clock) as session`. Reconnects by itself; many tasks may call at once.

    For ever, unless it was given a number of tries: then it is over after as many failures in a row.
    """

    def __init__(
        self, target: Target, clock: Clock, *,
        connect_seconds_max: float = CONNECT_SECONDS_MAX, tools_max: int = TOOLS_MAX, tries_max: int | None = None,
    ) -> None:  # fmt: skip
        self._target = target
        self._clock = clock
        self._connect_seconds_max = connect_seconds_max
        self._tools_max = tools_max
        self._tries_max = tries_max
        self._client: Client | None = None
        self._tools: dict[str, mcp_types.Tool] = {}
        self._ready = asyncio.Event()
        self._leave = asyncio.Event()
        self._closing = False
        self._supervisor: asyncio.Task[None] | None = None
        self._why = "it has not answered yet"
        self.connections = 0

    async def __aenter__(self) -> McpSession:
        self._supervisor = asyncio.create_task(self._supervise(), name="mcp-session")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        self._leave.set()
        if self._supervisor:
            # It may be asleep between two tries; the library's contexts bear being cancelled.
            if not self._ready.is_set():
                self._supervisor.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._supervisor

    async def tools(self) -> Mapping[str, mcp_types.Tool]:
        """What the server offers, by name. `Unavailable` when it cannot be reached."""
        await self._connected()
        return self._tools

    async def refresh(self, *, seconds: float) -> dict[str, mcp_types.Tool]:
        """Ask anew what the server offers, unless it was asked a moment ago when the connection was made."""
        before = self.connections
        client = await self._connected()
        if self.connections == before:
            try:
                async with self._clock.timeout(seconds):
                    self._tools = await _listed(client, self._tools_max)
            except Exception as error:
                self._reconnect(client)
                raise Unavailable(
                    REPLY_LOST, f"it does not say what it offers: {error}"[:300], remedy=REPLY_LOST_REMEDY
                ) from error
        return self._tools

    async def call(
        self, tool: str, arguments: dict[str, Any], *, seconds: float = CALL_SECONDS_MAX
    ) -> mcp_types.CallToolResult:
        """The server's answer.

        `Unavailable("mcp_not_sent")` when nothing was sent; `Unavailable("mcp_reply_lost")` when it was, and no
        answer tells what came of it.
        """
        client = await self._connected()
        try:
            async with self._clock.timeout(seconds):
                return await client.call_tool(tool, arguments)
        except TimeoutError as error:
            raise Unavailable(
                REPLY_LOST, f"{tool} did not answer within {seconds:.1f} s", where=tool, remedy=REPLY_LOST_REMEDY
            ) from error
        except MCPError as error:
            if error.code == mcp_types.CONNECTION_CLOSED:
                self._reconnect(client)
            raise Unavailable(
                REPLY_LOST, f"{tool}: {error.message}"[:500], where=tool, remedy=REPLY_LOST_REMEDY
            ) from error
        except _BROKEN as error:
            self._reconnect(client)
            raise Unavailable(
                REPLY_LOST, f"the connection broke during {tool}", where=tool, remedy=REPLY_LOST_REMEDY
            ) from error
        except Exception as error:
            # An answer that cannot be understood: it was sent, and it may have had its effect.
            raise Unavailable(
                REPLY_LOST, f"{tool}: {type(error).__name__}: {error}"[:500], where=tool, remedy=REPLY_LOST_REMEDY
            ) from error

    async def _connected(self) -> Client:
        try:
            async with self._clock.timeout(self._connect_seconds_max):
                await self._ready.wait()
        except TimeoutError as error:
            raise Unavailable(
                NOT_SENT, f"the tool server cannot be reached: {self._why}", remedy=NOT_SENT_REMEDY
            ) from error
        if self._client is None:
            raise Unavailable(NOT_SENT, f"the tool server cannot be reached: {self._why}", remedy=NOT_SENT_REMEDY)
        return self._client

    def _reconnect(self, broken: Client) -> None:
        if self._client is broken:
            self._ready.clear()
            self._leave.set()

    async def _supervise(self) -> None:
        wait_seconds, failed = RETRY_SECONDS_MIN, 0
        while not self._closing:
            try:
                await self._hold()
                wait_seconds, failed = RETRY_SECONDS_MIN, 0
            except Exception as error:  # noqa: BLE001 — whatever broke the connection, the next one is made.
                cause = _cause_of(error)
                self._why = f"{type(cause).__name__}: {cause}"[:200]
                failed += 1
            finally:
                self._ready.clear()
                self._client = None
            if failed == self._tries_max:
                self._ready.set()  # Whoever waits is told now, not when the time is over.
                return
            if not self._closing:
                await self._clock.sleep(wait_seconds)
                wait_seconds = min(RETRY_SECONDS_MAX, wait_seconds * 2)

    async def _hold(self) -> None:
        """Open a connection and keep it until it is broken or no longer wanted."""
        self._leave.clear()
        target = self._target.make() if isinstance(self._target, Fresh) else self._target
        async with Client(target, input_required_max_rounds=INPUT_ROUNDS_MAX) as client:
            self._tools = await _listed(client, self._tools_max)
            self._client = client
            self.connections += 1
            self._ready.set()
            if not self._closing:
                await self._leave.wait()


def _cause_of(error: BaseException) -> BaseException:
    """The first fault within a group of them: the library's task groups only say that there was one."""
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return error


async def _listed(client: Client, tools_max: int) -> dict[str, mcp_types.Tool]:
    listed: dict[str, mcp_types.Tool] = {}
    cursor: str | None = None
    for _ in range(PAGES_MAX):
        page = await client.list_tools(cursor=cursor)
        listed |= {tool.name: tool for tool in page.tools}
        if len(listed) > tools_max:
            raise ValueError(f"it offers more than {tools_max} tools")
        cursor = page.next_cursor
        if not cursor:
            break
    return listed
