"""The worker's end of the gateway: a model and read tools that are elsewhere. Holds a slice's token, and no key."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import ssl
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from chimera.adapters.gateway.frames import Call, Frames, Reply, ToolCall, framed, packed, unpacked
from chimera.domain.errors import ChimeraError, Conflict, Invalid, Missing, Refused, Unavailable
from chimera.ports.model import ModelAnswer, ModelRequest, ModelsFailed
from chimera.ports.tools_read import ToolAnswer

CONNECT_SECONDS_MAX = 5.0
T = TypeVar("T")
_KINDS: dict[str, type[ChimeraError]] = {
    one.__name__: one for one in (Invalid, Missing, Conflict, Refused, Unavailable)
}


class GatewayLine:
    """One connection to the gateway, opened when it is needed and again when it was lost."""

    def __init__(self, host: str, port: int, *, context: ssl.SSLContext | None = None) -> None:
        self._host, self._port, self._context = host, port, context
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[msgspec.Raw]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._opening = asyncio.Lock()

    async def ask(self, kind: str, body: Struct, answer: type[T], *, token: str) -> T:
        """What the gateway answers."""
        writer = self._open_writer or await self._open()
        number = next(self._numbers)
        waiting = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            writer.write(framed(Call(number=number, token=token, kind=kind, body=packed(body))))
            await writer.drain()
            return unpacked(await waiting, answer)
        except OSError as error:
            raise _away(str(error)) from error
        finally:
            self._waiting.pop(number, None)

    async def stands(self) -> bool:
        """Whether the gateway can be reached now."""
        try:
            await self._open()
        except Unavailable:
            return False
        return True

    @property
    def _open_writer(self) -> asyncio.StreamWriter | None:
        """The connection that there is, if it stands."""
        return None if self._reading is None or self._reading.done() else self._writer

    async def close(self) -> None:
        """Hang up."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()

    async def _open(self) -> asyncio.StreamWriter:
        async with self._opening:
            if (standing := self._open_writer) is not None:
                return standing
            try:
                async with asyncio.timeout(CONNECT_SECONDS_MAX):
                    reader, writer = await asyncio.open_connection(self._host, self._port, ssl=self._context)
            except (OSError, TimeoutError) as error:
                raise _away(str(error) or "it does not answer") from error
            self._writer = writer
            self._reading = asyncio.create_task(self._read(reader, writer))
            return writer

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fault: ChimeraError = _away("it hung up")
        frames = Frames(reader, Reply)
        try:
            while replies := await frames.next():
                for reply in replies:
                    self._hand_over(reply)
        except ChimeraError as error:
            fault = error
        finally:
            writer.close()
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(fault)

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


def _away(why: str) -> Unavailable:
    return Unavailable("gateway_unreachable", f"the gateway does not answer: {why}"[:300], where="gateway",
                       remedy="check CHIMERA_GATEWAY_ADDRESS; `chimera gateway workers` serves it")  # fmt: skip
