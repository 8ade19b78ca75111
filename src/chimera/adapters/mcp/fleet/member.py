"""One server of the fleet: reached when needed, let go when idle, and kept from harming anybody when it misbehaves.

Has a connection and nothing that belongs to another server. Whatever goes wrong here is named after this server.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from random import Random
from typing import Any, TypeAlias, cast

from mcp import types as mcp_types
from mcp.server import Server
from msgspec import Struct

from chimera.adapters.mcp.fleet.breaker import Breaker, Bucket
from chimera.adapters.mcp.fleet.definitions import read_definition
from chimera.adapters.mcp.fleet.entries import Entry, Secrets
from chimera.adapters.mcp.fleet.pipes import Streams, Told, child
from chimera.adapters.mcp.fleet.wires import wire
from chimera.adapters.mcp.plain import plain
from chimera.adapters.mcp.session import NOT_SENT, Fresh, McpSession
from chimera.domain import canonical
from chimera.domain.errors import ChimeraError, Refused, Unavailable
from chimera.domain.tools import Definition
from chimera.ports.clock import Clock
from chimera.ports.toolbox import Told as Answer

BUSY = "tool_server_busy"
RESTING = "tool_server_resting"
UNREACHED = "tool_server_unreached"  # Nothing was sent.
AGENTS_MAX = 20_000
# A server that cannot be started or reached, or ends at once, will not have changed its mind in ten seconds.
START_TRIES_MAX = 2
BACKOFF_SECONDS = 0.05
BACKOFF_SECONDS_MAX = 2.0
Target: TypeAlias = Server[Any] | Fresh


class Health(Struct, frozen=True, kw_only=True):
    """How a server is, for people."""

    server: str
    state: str
    why: str
    tools: int
    calls: int
    failures: int
    connections: int


class Member:
    """A server by its entry. Opens nothing until somebody asks."""

    def __init__(self, entry: Entry, *, clock: Clock, secrets: Secrets, dice: Random,
                 local: Server[Any] | None = None) -> None:  # fmt: skip
        self.entry = entry
        self._clock = clock
        self._secrets = secrets
        self._dice = dice
        self._local = local
        self._told = Told()
        self._session: McpSession | None = None
        self._opening = asyncio.Lock()
        self._places = asyncio.Semaphore(entry.limits.calls_at_once)
        self._bucket = Bucket(entry.limits.calls_per_second)
        self._agents: dict[str, Bucket] = {}
        self._breaker = Breaker(failures_max=entry.limits.failures_max, rest_seconds=entry.limits.rest_seconds)
        self._definitions: dict[str, Definition] = {}
        self._faults: dict[str, str] = {}
        self._calls = self._failures = self._used_us = 0
        self._listed_from = -1

    @property
    def definitions(self) -> dict[str, Definition]:
        """What the server offered when it was last asked."""
        return self._definitions

    @property
    def faults(self) -> dict[str, str]:
        """The tools that were not taken over, and why."""
        return self._faults

    def health(self) -> Health:
        """How it is now."""
        resting = self._breaker.resting(self._clock.now_us())
        state = "resting" if resting else "ready" if self._session else "idle"
        return Health(server=self.entry.name, state=state, why=self._told.why if resting or self._failures else "",
                      tools=len(self._definitions), calls=self._calls, failures=self._failures,
                      connections=self._session.connections if self._session else 0)  # fmt: skip

    async def discover(self) -> dict[str, Definition]:
        """Ask anew what the server offers."""
        self._require_willing()
        try:
            session = await self._opened()
            offered = await session.refresh(seconds=self.entry.limits.connect_seconds_max)
        except ChimeraError as error:
            await self._failed(error, hard=True)
            raise self._named(error) from error
        self._breaker.worked()
        self._take(offered, session)
        return self._definitions

    async def call(self, tool: str, arguments: dict[str, Any], *, agent_id: str, repeatable: bool
                   ) -> mcp_types.CallToolResult:  # fmt: skip
        """The server's answer. A call that only reads is repeated; one that does something never is."""
        self._require_willing()
        self._require_pace(agent_id)
        tries = self.entry.limits.tries_max if repeatable else 1
        for attempt in range(1, tries + 1):
            try:
                return await self._call_once(tool, arguments)
            except Unavailable as error:
                await self._failed(error, hard=False)
                if attempt == tries or self._breaker.resting(self._clock.now_us()):
                    raise self._named(error) from error
                await self._clock.sleep(self._pause(attempt))
        raise AssertionError("the last try returns or raises")

    def told(self, answer: mcp_types.CallToolResult) -> Answer:
        """An answer as plain values, bounded, with no secret of this server in it."""
        said = "\n".join(block.text for block in answer.content if isinstance(block, mcp_types.TextContent))
        structured: Any = answer.structured_content
        content = plain(cast("dict[str, Any]", structured)) if isinstance(structured, dict) else {"text": plain(said)}
        encoded = canonical.encode(content).decode("utf-8", "replace")
        if len(encoded) > self.entry.limits.answer_bytes_max:
            kept = self.entry.limits.answer_bytes_max
            content = {"notice": f"shortened: {len(encoded)} bytes, {kept} are kept", "text": encoded[:kept]}
        return Answer(content=self._without_secrets(content), is_error=answer.is_error is True)

    def _without_secrets(self, content: Any) -> Any:  # noqa: ANN401 – plain values have no common type.
        secrets = [secret for secret in self._secrets.named_in(self.entry) if secret]
        return _struck(content, secrets) if secrets else content

    async def rest_if_idle(self) -> None:
        """Let the connection go if nobody used it for long."""
        idle_us = self._clock.now_us() - self._used_us
        if self._session is not None and idle_us > self.entry.limits.idle_seconds * 1_000_000:
            await self.close()

    async def close(self) -> None:
        """Let the connection go."""
        session, self._session = self._session, None
        if session is not None:
            await session.__aexit__(None, None, None)

    async def _call_once(self, tool: str, arguments: dict[str, Any]) -> mcp_types.CallToolResult:
        limits = self.entry.limits
        if self._places.locked():
            raise Unavailable(BUSY, f"{limits.calls_at_once} calls are under way",
                              where=self.entry.name, remedy="try again in a moment")  # fmt: skip
        async with self._places:
            session = await self._opened()
            self._calls += 1
            self._used_us = self._clock.now_us()
            injected = self._secrets.filled(self.entry.inject)
            answer = await session.call(tool, {**arguments, **injected}, seconds=limits.call_seconds_max)
        self._breaker.worked()
        if session.connections != self._listed_from:
            await self._look_again(session)
        return answer

    async def _look_again(self, session: McpSession) -> None:
        """It came back, and may have come back as something else. The answer that it gave stands all the same."""
        self._definitions = {}
        with contextlib.suppress(Unavailable):
            self._take(await session.tools(), session)

    async def _opened(self) -> McpSession:
        async with self._opening:
            if self._session is None:
                self._told.why = ""
                self._session = await McpSession(self._target(), self._clock,
                                                 connect_seconds_max=self.entry.limits.connect_seconds_max,
                                                 tools_max=self.entry.limits.tools_max,
                                                 tries_max=START_TRIES_MAX,
                                                 ).__aenter__()  # fmt: skip
                self._used_us = self._clock.now_us()
            return self._session

    def _target(self) -> Target:
        return self._local if self._local is not None else Fresh(self._transport())

    def _transport(self) -> Callable[[], AbstractAsyncContextManager[Streams]]:
        entry, secrets, told = self.entry, self._secrets, self._told
        if entry.url:
            return lambda: wire(entry, secrets, told)

        def started() -> AbstractAsyncContextManager[Streams]:
            command = (entry.command, *(secrets.fill(word) for word in entry.args))
            return child(command, env=secrets.filled(entry.env), cwd=entry.cwd or None, limits=entry.limits, told=told)

        return started

    def _take(self, offered: Mapping[str, mcp_types.Tool], session: McpSession) -> None:
        taken: dict[str, Definition] = {}
        self._faults = {}
        for name, tool in offered.items():
            try:
                definition = read_definition(self.entry, tool)
                taken[definition.name] = definition
            except ChimeraError as error:
                self._faults[name[:80]] = error.message
        self._definitions, self._listed_from = taken, session.connections

    def _require_willing(self) -> None:
        if self._breaker.resting(self._clock.now_us()):
            raise Unavailable(RESTING, f"it failed and is left alone for a while: {self._told.why}",
                              where=self.entry.name, remedy="chimera tools list shows its health")  # fmt: skip

    def _require_pace(self, agent_id: str) -> None:
        now_us = self._clock.now_us()
        if len(self._agents) > AGENTS_MAX:
            self._agents.clear()
        agent = self._agents.setdefault(agent_id, Bucket(self.entry.limits.agent_calls_per_second))
        for bucket, whose in ((agent, f"agent {agent_id[:40]}"), (self._bucket, "the fleet")):
            if not bucket.take(now_us):
                raise Refused("tool_rate_limited", f"{whose} calls it too often", where=self.entry.name,
                              remedy=f"at most {bucket.per_second:g} calls a second")  # fmt: skip

    async def _failed(self, error: ChimeraError, *, hard: bool) -> None:
        self._failures += 1
        self._told.why = self._told.why or error.message[:300]
        if self._breaker.failed(self._clock.now_us(), hard=hard or error.code == NOT_SENT):
            await self.close()  # Whoever rests has no process and no connection.

    def _named(self, error: ChimeraError) -> Unavailable:
        why = self._told.why or error.message
        remedy = "it is left alone for a while when it fails again"
        if error.code in (NOT_SENT, BUSY):
            return Unavailable(UNREACHED, why[:400], where=self.entry.name, remedy=remedy)
        return Unavailable("tool_server_failed", why[:400], where=self.entry.name, remedy=remedy)

    def _pause(self, attempt: int) -> float:
        """Twice as long each time, and never the same for two that failed together."""
        return min(BACKOFF_SECONDS_MAX, BACKOFF_SECONDS * 2**attempt) * (0.5 + self._dice.random())


def _struck(value: object, secrets: list[str]) -> Any:  # noqa: ANN401 – plain values have no common type.
    """The value with every secret in it struck out: a server may give back what it was given."""
    match value:
        case str():
            for secret in secrets:
                value = value.replace(secret, "[secret]")
            return value
        case dict():
            return {key: _struck(item, secrets) for key, item in cast("dict[str, object]", value).items()}
        case list():
            return [_struck(item, secrets) for item in cast("list[object]", value)]
        case _:
            return value
