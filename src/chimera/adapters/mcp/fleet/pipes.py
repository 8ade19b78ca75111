"""A tool server as a child process, whose every line is bounded. A flood or a line without end closes it, by name.

The library's own transport grows its buffer for as long as a line lasts, and parses whatever comes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp import types as mcp_types
from mcp.client.stdio import get_default_environment
from mcp.shared.message import SessionMessage

from chimera.adapters.mcp.fleet.entries import Limits

CHUNK_BYTES = 65_536
ENDING_SECONDS_MAX = 1.0
ENDING_STEPS = 50
Incoming = MemoryObjectSendStream[SessionMessage | Exception]
Streams = tuple[MemoryObjectReceiveStream[SessionMessage | Exception], MemoryObjectSendStream[SessionMessage]]


class Misbehaved(Exception):
    """A server that broke a limit, in words."""


class Told:
    """Why a connection ended, for whoever has to name it."""

    def __init__(self) -> None:
        self.why = ""


class Pace:
    """How many messages came within this second. More than the limit is a flood."""

    def __init__(self, per_second_max: int) -> None:
        self._per_second_max = per_second_max
        self._second = 0.0
        self._count = 0

    def came(self, now: float) -> None:
        """Count one, or say that it is too many."""
        if now - self._second >= 1.0:
            self._second, self._count = now, 0
        self._count += 1
        if self._count > self._per_second_max:
            raise Misbehaved(f"it floods: more than {self._per_second_max} messages in a second")


@contextlib.asynccontextmanager
async def child(
    command: Sequence[str], *, env: Mapping[str, str], cwd: str | None, limits: Limits, told: Told
) -> AsyncGenerator[Streams]:
    """A transport to a child process in a group of its own. It ends with the block, and everything it started."""
    process = await _started(command, env=env, cwd=cwd)
    incoming, outgoing = _streams()
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_read, process, incoming[0], limits, told)
            tasks.start_soon(_write, process, outgoing[1])
            try:
                yield incoming[1], outgoing[0]
            finally:
                tasks.cancel_scope.cancel()
    finally:
        for stream in (*incoming, *outgoing):
            stream.close()
        try:
            with anyio.CancelScope(shield=True):
                await _end(process)
        finally:
            _let_go(process)


async def _started(command: Sequence[str], *, env: Mapping[str, str], cwd: str | None) -> asyncio.subprocess.Process:
    """The child. Starting takes milliseconds and is not broken off: a child that comes up to nobody would be left over.

    The loop's own way of breaking it off waits for ever for pipes that were never joined.
    """
    starting = asyncio.create_task(asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        env={**get_default_environment(), **env}, cwd=cwd, start_new_session=True, limit=CHUNK_BYTES,
    ))  # fmt: skip
    if not await _through(starting):
        return starting.result()
    if starting.exception() is None:
        process = starting.result()
        _let_go(process)
        await _through(asyncio.create_task(_end(process)))
    raise asyncio.CancelledError


async def _through(task: asyncio.Task[Any]) -> bool:
    """Wait for its end, however often we are told to end; whether we were."""
    told = False
    while not task.done():
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError:
            told = True
    return told


def _streams():  # noqa: ANN202 – two pairs whose types the library spells at length.
    incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    outgoing = anyio.create_memory_object_stream[SessionMessage](0)
    return incoming, outgoing


async def _read(process: asyncio.subprocess.Process, to: Incoming, limits: Limits, told: Told) -> None:
    """Hand on line for line. Whatever ends it closes the stream, so that nobody waits on."""
    assert process.stdout is not None
    pace, rest = Pace(limits.messages_per_second), bytearray()
    loop = asyncio.get_running_loop()
    try:
        while chunk := await process.stdout.read(CHUNK_BYTES):
            *lines, tail = chunk.split(b"\n")
            for line in lines:
                pace.came(loop.time())
                await to.send(_parsed(bytes(rest + line)))
                rest.clear()
            rest += tail
            if len(rest) > limits.message_bytes_max:
                raise Misbehaved(f"a message has more than {limits.message_bytes_max} bytes")
        told.why = told.why or "it ended"
    except Misbehaved as error:
        told.why = str(error)
        _kill(process)
    except (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
        pass
    finally:
        to.close()


def _parsed(line: bytes) -> SessionMessage | Exception:
    try:
        return SessionMessage(mcp_types.jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValueError:
        return ValueError("a line is no message")


async def _write(process: asyncio.subprocess.Process, source: MemoryObjectReceiveStream[SessionMessage]) -> None:
    assert process.stdin is not None
    with contextlib.suppress(OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
        async for message in source:
            process.stdin.write(message.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n")
            await process.stdin.drain()


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ask by closing its input; then kill the whole group."""
    if process.stdin is not None:
        process.stdin.close()
    for step in range(ENDING_STEPS):
        # Not `wait`: it waits for the end of the pipe, too, which a child of the child may hold open.
        if process.returncode is not None:
            break
        await asyncio.sleep(ENDING_SECONDS_MAX / ENDING_STEPS)
        if step == ENDING_STEPS // 2:
            _kill(process)


def _let_go(process: asyncio.subprocess.Process) -> None:
    """Kill what is left of the group, and close our ends of the pipes whatever was in them."""
    _kill(process)
    transport = getattr(process, "_transport", None)
    close = getattr(transport, "close", None)
    if callable(close):
        close()


def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
