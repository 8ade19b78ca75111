"""The worker's end of the gateway: a model and read tools that are elsewhere. Holds a slice's token, and no key."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import ssl
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
import structlog
from msgspec import Struct

from chimera.adapters.gateway.frames import ALIVE, NOTHING, Call, Frames, Reply, ToolCall, framed, packed, unpacked
from chimera.domain.errors import ChimeraError, Conflict, Invalid, Missing, Refused, Unavailable
from chimera.ports.model import ModelAnswer, ModelRequest, ModelsFailed
from chimera.ports.tools_read import ToolAnswer

CONNECT_SECONDS_MAX = 5.0
# A gateway that was asked and says nothing at so many looks is hung up on. Counted in looks of ours, not by the clock:
# a worker that was itself stopped for a minute has not waited.
LOOK_SECONDS, SILENT_LOOKS_MAX = 2.0, 5
T = TypeVar("T")
_log = structlog.get_logger("chimera.gateway")
# It is under no token: none is asked for.
_GREETING = framed(Call(number=0, token="", kind=ALIVE, body=NOTHING))  # nosec B106
_KINDS: dict[str, type[ChimeraError]] = {
    one.__name__: one for one in (Invalid, Missing, Conflict, Refused, Unavailable)
}


class GatewayLine:
    """One connection to the gateway, opened when it is needed and again when it was lost.

    A process that hangs still has a kernel that takes connections and bytes, so only what the gateway itself answers
    counts as a sign of life.
    """

    def __init__(
        self, host: str, port: int, *, context: ssl.SSLContext | None = None, look_seconds: float = LOOK_SECONDS
    ) -> None:
        self._host, self._port, self._context = host, port, context
        self._look_seconds = look_seconds
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[msgspec.Raw]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._tasks: tuple[asyncio.Task[None], ...] = ()
        self._opening: asyncio.Task[asyncio.StreamWriter] | None = None
        self._was_heard = self._is_away = False

    async def ask(self, kind: str, body: Struct, answer: type[T], *, token: str) -> T:
        """What the gateway answers."""
        return unpacked(await self._answer(kind, packed(body), token=token), answer)

    async def stands(self) -> bool:
        """Whether the gateway answers now."""
        try:
            await self._answer(ALIVE, NOTHING, token="")  # nosec B106
        except Unavailable:
            return False
        return True

    async def close(self) -> None:
        """Hang up."""
        opening = () if self._opening is None else (self._opening,)
        for one in (*self._tasks, *opening):
            one.cancel()
        await asyncio.gather(*self._tasks, *opening, return_exceptions=True)
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()

    async def _answer(self, kind: str, body: msgspec.Raw, *, token: str) -> msgspec.Raw:
        writer = self._open_writer or await self._open()
        number = next(self._numbers)
        waiting = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            writer.write(framed(Call(number=number, token=token, kind=kind, body=body)))
            await writer.drain()
            return await waiting
        except OSError as error:
            raise _away(str(error)) from error
        finally:
            self._waiting.pop(number, None)
            # Where the connection broke while it was written to, nobody else asks what it was told.
            _ = waiting.cancel() or waiting.cancelled() or waiting.exception()

    @property
    def _open_writer(self) -> asyncio.StreamWriter | None:
        """The connection that there is, if it stands."""
        return None if any(one.done() for one in self._tasks) else self._writer

    async def _open(self) -> asyncio.StreamWriter:
        """One try for all who ask meanwhile: each with a try of its own would wait for all before it."""
        if self._opening is None or self._opening.done():
            self._opening = asyncio.create_task(self._connect())
            self._opening.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(self._opening)

    async def _connect(self) -> asyncio.StreamWriter:
        try:
            async with asyncio.timeout(CONNECT_SECONDS_MAX):
                reader, writer = await asyncio.open_connection(self._host, self._port, ssl=self._context)
                frames = await _greeted(reader, writer)
        except (Unavailable, OSError, TimeoutError) as error:
            raise self._said_away(str(error) or "it says nothing") from error
        self._say_that_it_is_back()
        self._writer = writer
        self._tasks = (asyncio.create_task(self._read(frames, writer)), asyncio.create_task(self._watch(writer)))
        return writer

    async def _read(self, frames: Frames[Reply], writer: asyncio.StreamWriter) -> None:
        fault: ChimeraError = _away("it hung up")
        try:
            while replies := await frames.next():
                self._was_heard = True
                for reply in replies:
                    self._hand_over(reply)
        except ChimeraError as error:
            fault = error
        finally:
            writer.close()
            self._give_back(fault)

    async def _watch(self, writer: asyncio.StreamWriter) -> None:
        """Hangs up when somebody waits and nothing comes, not even an answer to our greeting."""
        silent = 0
        while silent < SILENT_LOOKS_MAX:
            await asyncio.sleep(self._look_seconds)
            silent = silent + 1 if self._waiting and not self._was_heard else 0
            self._was_heard = False
            if self._waiting and not writer.is_closing():
                writer.write(_GREETING)
        self._give_back(self._said_away("it says nothing"))
        writer.transport.abort()

    def _give_back(self, fault: ChimeraError) -> None:
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(fault)

    def _said_away(self, why: str) -> Unavailable:
        """Once, however many ask: until it answers again."""
        if not self._is_away:
            self._is_away = True
            _log.warning("the gateway does not answer; what needs it is given back", why=why[:300],
                         address=f"{self._host}:{self._port}", calls_given_back=len(self._waiting))  # fmt: skip
        return _away(why)

    def _say_that_it_is_back(self) -> None:
        if self._is_away:
            self._is_away = False
            _log.warning("the gateway answers again", address=f"{self._host}:{self._port}")

    def _hand_over(self, reply: Reply) -> None:
        waiting = self._waiting.get(reply.number)
        if waiting is None or waiting.done():
            return
        if reply.error is None:
            waiting.set_result(reply.body)
            return
        kind, code, message, where, remedy = reply.error
        if kind == ModelsFailed.__name__:
            # What was tried has cost something, and says whether anybody was there to answer.
            waiting.set_exception(ModelsFailed(reply.tries))
        else:
            waiting.set_exception(_KINDS.get(kind, Unavailable)(code, message, where=where, remedy=remedy))


class GatewayModel:
    """Implements `ports.model.Model`: `model`, or for managers `judge`, under a token for the task."""

    def __init__(self, line: GatewayLine, token_for: Callable[[ModelRequest], str], *, kind: str = "model") -> None:
        self._line = line
        self._token_for = token_for
        self._kind = kind

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """The answer of the gateway's model."""
        return await self._line.ask(self._kind, request, ModelAnswer, token=self._token_for(request))


class GatewayTools:
    """Implements `ports.tools_read.ToolsRead` for one slice."""

    def __init__(self, line: GatewayLine, token: str) -> None:
        self._line = line
        self._token = token

    async def call(self, tool: str, arguments: dict[str, Any], *, agent_id: str) -> ToolAnswer:
        """The gateway's tool's answer."""
        body = ToolCall(tool=tool, arguments=arguments, agent_id=agent_id)
        return await self._line.ask("tool", body, ToolAnswer, token=self._token)


async def _greeted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Frames[Reply]:
    """What comes over a new connection, once its other end has answered; else the connection is given up."""
    frames = Frames(reader, Reply)
    try:
        writer.write(_GREETING)
        if not await frames.next():
            raise _away("it hung up")
    except BaseException:
        writer.transport.abort()
        raise
    return frames


def _away(why: str) -> Unavailable:
    return Unavailable("gateway_unreachable", f"the gateway does not answer: {why}"[:300], where="gateway",
                       remedy="check CHIMERA_GATEWAY_ADDRESS; `chimera gateway workers` serves it")  # fmt: skip
