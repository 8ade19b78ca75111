"""The gateway's end: models and read tools for worker processes. Has their keys; gives a worker answers, and no key.

Asks for a token on every call but the one whether it is there, and answers only about the tasks that are in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncGenerator, Callable

import msgspec
import structlog

from chimera.adapters.gateway.frames import ALIVE, NOTHING, Call, Frames, Reply, ToolCall, framed, packed, unpacked
from chimera.domain import canonical
from chimera.domain.errors import ChimeraError, Invalid, Refused
from chimera.domain.recent import Recent
from chimera.governance.identity.slices import SlicePass
from chimera.ports.clock import Clock
from chimera.ports.model import Model, ModelRequest, ModelsFailed
from chimera.ports.tools_read import ToolsRead

PASSES_MAX = 10_000
_log = structlog.get_logger("chimera.gateway")


class WorkersGateway:
    """`recognise` says what a token opens; `tools_for` gives the read tools that know what it may not carry out."""

    def __init__(
        self, *, model: Model, judge: Model, tools_for: Callable[[SlicePass], ToolsRead],
        recognise: Callable[[str], SlicePass], clock: Clock,
    ) -> None:  # fmt: skip
        self._model = model
        self._judge = judge
        self._tools_for = tools_for
        self._recognise = recognise
        self._clock = clock
        # Verifying a signature costs as much as an answer: one slice's is looked at once.
        self._passes: Recent[str, tuple[SlicePass, ToolsRead]] = Recent(PASSES_MAX)
        self._talking: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def listening(
        self, host: str, port: int, *, context: ssl.SSLContext | None = None
    ) -> AsyncGenerator[tuple[str, int]]:
        """Where it listens, while the block runs; encrypted under a context."""
        server = await asyncio.start_server(self._converse, host, port, ssl=context)
        try:
            address = server.sockets[0].getsockname()
            yield str(address[0]), int(address[1])
        finally:
            server.close()
            for talking in tuple(self._talking):
                talking.cancel()
            await asyncio.gather(*self._talking, return_exceptions=True)

    async def answer(self, call: Call) -> Reply:
        """The answer to one call, or why there is none."""
        try:
            return Reply(number=call.number, body=await self._answered(call))
        except ChimeraError as error:
            said = (type(error).__name__, error.code, error.message, error.where, error.remedy)
            tries = error.tries if isinstance(error, ModelsFailed) else ()
            return Reply(number=call.number, error=said, tries=tries)

    async def _answered(self, call: Call) -> msgspec.Raw:
        if call.kind == ALIVE:
            return NOTHING
        opened, tools = self._opened(call.token)
        if call.kind == "model" or (call.kind == "judge" and opened.judges):
            request = unpacked(call.body, ModelRequest)
            opened.require_task(request.task_id, request.agent_id)
            return packed(await (self._judge if call.kind == "judge" else self._model).complete(request))
        if call.kind == "tool":
            asked = unpacked(call.body, ToolCall)
            opened.require_agent(asked.agent_id)
            return packed(await tools.call(asked.tool, asked.arguments, agent_id=asked.agent_id))
        raise Invalid(
            "message_malformed",
            f"there is nothing called {call.kind[:40]!r}",
            where="gateway",
            remedy="bring managers and workers to one version",
        )

    def _opened(self, token: str) -> tuple[SlicePass, ToolsRead]:
        key = canonical.sha256_hex(token.encode())
        found = self._passes.get(key)
        if found is None:
            opened = self._recognise(token)
            found = self._passes[key] = (opened, self._tools_for(opened))
        if self._clock.now_us() >= found[0].ends_us:
            raise Refused("slice_refused", "this token opens nothing here: it is over", where="token",
                          remedy="work on what the slice holds")  # fmt: skip
        return found

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        owner = asyncio.current_task()
        assert owner is not None, "asyncio runs it in a task"
        self._talking.add(owner)
        answering: set[asyncio.Task[None]] = set()
        frames = Frames(reader, Call)
        try:
            while calls := await frames.next():
                for call in calls:
                    one = asyncio.create_task(self._reply(call, writer))
                    answering.add(one)
                    one.add_done_callback(answering.discard)
        except ChimeraError as error:
            _log.info("a worker is hung up on", why=str(error))
        finally:
            for one in tuple(answering):
                one.cancel()
            await asyncio.gather(*answering, return_exceptions=True)
            writer.close()
            self._talking.discard(owner)

    async def _reply(self, call: Call, writer: asyncio.StreamWriter) -> None:
        writer.write(framed(await self.answer(call)))
        with contextlib.suppress(OSError):
            await writer.drain()
