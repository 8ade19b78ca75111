"""A server that speaks the wire protocols of OpenAI and Anthropic, and fails on demand. Answers as the offline model.

It paints too, in the shape of OpenAI's image API: one plain colour, the same for the same question.

python -m chimera.testing.model_server --port 8000 --fault 500
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import struct
import sys
import zlib
from collections.abc import AsyncGenerator, Callable
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct

from chimera.adapters.system.clock import SystemClock
from chimera.ports.clock import Clock
from chimera.ports.model import ModelRequest
from chimera.rehearsal.model import OfflineModel
from chimera.rehearsal.scenario import Manners

HEAD_BYTES_MAX = 65_536
BODY_BYTES_MAX = 8_388_608
PIECE_CHARS = 40
PIECES_MAX = 100
ANTHROPIC_PATH = "/v1/messages"
IMAGE_PATHS = ("/v1/images/generations", "/v1/images/edits")
PAINTED_PIXELS = 64


class Fault(StrEnum):
    """What the server can do wrong."""

    ERROR = "500"
    RATE_LIMIT = "429"
    UNAUTHORISED = "401"
    GARBAGE = "garbage"
    PROSE = "prose"
    WRONG_SCHEMA = "wrong-schema"
    TRUNCATED = "truncated"
    REFUSAL = "refusal"
    SILENCE = "silence"
    STALL = "stall"
    PINGS = "pings"
    DIE = "die"
    LOOP = "loop"


class Asked(Struct, frozen=True):
    """A question as it came."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    data: bytes = b""


_STATUS = {Fault.ERROR: "500 Internal Server Error", Fault.RATE_LIMIT: "429 Too Many Requests",
           Fault.UNAUTHORISED: "401 Unauthorized"}  # fmt: skip
Say = Callable[[ModelRequest], str]


class ModelServer:
    """Give `fault` a value and the next answers go wrong in that way; `faults` go wrong one after the other first."""

    def __init__(self, *, clock: Clock | None = None, fault: Fault | None = None, seed: int = 1) -> None:
        self._clock = clock or SystemClock()
        self._model = OfflineModel(seed=seed, manners=Manners(misbehaviour_bp=0, obey_bp=0, latency_ms_max=0),
                                   clock=self._clock)  # fmt: skip
        self.fault = fault
        self.faults: list[Fault] = []
        self.asked: list[Asked] = []
        self.port = 0
        self._serving: set[asyncio.Task[None]] = set()

    @property
    def openai_url(self) -> str:
        """What a client of OpenAI's protocol is configured with."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def anthropic_url(self) -> str:
        """What a client of Anthropic's protocol is configured with."""
        return f"http://127.0.0.1:{self.port}"

    @contextlib.asynccontextmanager
    async def listening(self, *, port: int = 0) -> AsyncGenerator[ModelServer]:
        """Serves while the block runs."""
        server = await asyncio.start_server(self._begun, "127.0.0.1", port, limit=HEAD_BYTES_MAX)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._serving:
                task.cancel()
            await asyncio.gather(*self._serving, return_exceptions=True)

    def _begun(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._served(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _served(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._serve(reader, writer)
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            asked = await _read(reader)
            self.asked.append(asked)
            await self._answer(asked, writer)
            await writer.drain()

    async def _answer(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        fault = self.faults.pop(0) if self.faults else self.fault
        if fault is not None and fault in _STATUS:
            wait = "retry-after: 1\r\n" if fault is Fault.RATE_LIMIT else ""
            _write_head(writer, _STATUS[fault], more=wait)
            writer.write(b'{"error": {"message": "as you wished"}}')
            return await writer.drain()
        if fault is Fault.SILENCE:
            return await self._wait_for_hanging_up(writer)
        if asked.path in IMAGE_PATHS:
            return await self._paint(asked, writer, fault)
        _write_head(writer, "200 OK", more="content-type: text/event-stream\r\n")
        text = await self._text(asked, fault)
        dialect = _anthropic if asked.path == ANTHROPIC_PATH else _openai
        await self._stream(writer, dialect(text, fault), fault)

    async def _paint(self, asked: Asked, writer: asyncio.StreamWriter, fault: Fault | None) -> None:
        """A picture, or what the fault makes of it: a refusal, no picture, half of one, half an answer."""
        picture = base64.b64encode(_plain_picture(asked.data)).decode()
        said: dict[str, Any] = {"created": 1, "data": [{"b64_json": picture}]}
        match fault:
            case Fault.REFUSAL:
                _write_head(writer, "400 Bad Request", more="")
                writer.write(b'{"error": {"code": "moderation_blocked", "message": "as you wished"}}')
                return await writer.drain()
            case Fault.WRONG_SCHEMA:
                said = {"nothing": "of that"}
            case Fault.PROSE:
                said["data"] = [{"b64_json": base64.b64encode(b"Sure! Imagine a cat.").decode()}]
            case Fault.TRUNCATED:
                said["data"] = [{"b64_json": picture[: len(picture) // 8 * 4]}]
            case _:
                pass
        body = b"\x00\xff{{{" if fault is Fault.GARBAGE else msgspec.json.encode(said)
        _write_head(writer, "200 OK", more=f"content-type: application/json\r\ncontent-length: {len(body)}\r\n")
        if fault is Fault.STALL:
            return await self._wait_for_hanging_up(writer)
        writer.write(body[: len(body) // 2] if fault is Fault.DIE else body)
        return await writer.drain()

    async def _stream(self, writer: asyncio.StreamWriter, events: list[str], fault: Fault | None) -> None:
        for number, event in enumerate(events):
            if number == len(events) // 2 and fault in (Fault.STALL, Fault.PINGS):
                return await self._wait_for_hanging_up(writer, pings=fault is Fault.PINGS)
            if number == len(events) // 2 and fault is Fault.DIE:
                await writer.drain()
                writer.transport.abort()
                return None
            writer.write(b"\x00\xff\xfe{{{not events at all\n\n" if fault is Fault.GARBAGE else event.encode())
            await writer.drain()
        return None

    async def _wait_for_hanging_up(self, writer: asyncio.StreamWriter, *, pings: bool = False) -> None:
        """Says nothing, or nothing of use, until the other side has had enough."""
        while not writer.is_closing():
            if pings:
                writer.write(b": ping\n\n")
            await writer.drain()
            await self._clock.sleep(0.05)

    async def _text(self, asked: Asked, fault: Fault | None) -> str:
        match fault:
            case Fault.PROSE:
                return "Sure! Here is what I would write about that, my friend."
            case Fault.REFUSAL:
                return "I'm sorry, but I can't help with that."
            case Fault.WRONG_SCHEMA:
                return '{"output": {"nothing": "of that"}, "confidence_bp": 9000}'
            case Fault.LOOP:
                return "and again " * 60_000
            case _:
                answer = await self._model.complete(_request_of(asked))
                return answer.text[: len(answer.text) // 2] if fault is Fault.TRUNCATED else answer.text


def _request_of(asked: Asked) -> ModelRequest:
    body = asked.body
    if asked.path == ANTHROPIC_PATH:
        system, user, schema = body["system"], body["messages"][0]["content"], body["tools"][0]["input_schema"]
    else:
        system, user = (message["content"] for message in body["messages"])
        schema = body["response_format"]["json_schema"]["schema"]
    said = msgspec.json.decode(user)
    output = schema["properties"].get("output", schema)
    return ModelRequest(prompt=said["task"], instructions=system, data=said["data"], output=output, task_id="",
                        agent_id="", cost_micros_max=0)  # fmt: skip


async def _read(reader: asyncio.StreamReader) -> Asked:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines) if name}
    length = min(int(headers.get("content-length", "0")), BODY_BYTES_MAX)
    data = await reader.readexactly(length)
    is_json = headers.get("content-type", "").startswith("application/json")
    body = msgspec.json.decode(data, type=dict[str, Any]) if data and is_json else {}
    return Asked(first.split(" ")[1], headers, body, data)


def _plain_picture(asked: bytes) -> bytes:
    """A PNG of one colour, which follows from the question."""
    line = b"\0" + hashlib.sha256(asked).digest()[:3] * PAINTED_PIXELS
    size = struct.pack(">IIBBBBB", PAINTED_PIXELS, PAINTED_PIXELS, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", size), (b"IDAT", zlib.compress(line * PAINTED_PIXELS)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    )


def _write_head(writer: asyncio.StreamWriter, status: str, *, more: str) -> None:
    # The end of the connection is the end of the body: a server that dies is one whose stream has no last event.
    writer.write(f"HTTP/1.1 {status}\r\n{more}connection: close\r\n\r\n".encode())


def _pieces(text: str) -> list[str]:
    size = max(PIECE_CHARS, len(text) // PIECES_MAX)
    return [text[start : start + size] for start in range(0, len(text), size)]


def _event(data: object, name: str = "") -> str:
    said = data if isinstance(data, str) else msgspec.json.encode(data).decode()
    return (f"event: {name}\n" if name else "") + f"data: {said}\n\n"


def _openai(text: str, fault: Fault | None) -> list[str]:
    reason = "length" if fault is Fault.TRUNCATED else "stop"
    end: dict[str, Any] = {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
    usage: dict[str, Any] = {"choices": [], "usage": {"prompt_tokens": 1_000, "completion_tokens": len(text) // 4}}
    said: list[object] = [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in _pieces(text)]
    return [_event(one) for one in (*said, end, usage, "[DONE]")]


def _anthropic(text: str, fault: Fault | None) -> list[str]:
    reason = {Fault.TRUNCATED: "max_tokens", Fault.REFUSAL: "refusal"}.get(fault or Fault.DIE, "tool_use")
    usage = {"input_tokens": 1_000, "output_tokens": 1}
    start: dict[str, Any] = {"type": "tool_use", "id": "toolu_1", "name": "answer", "input": {}}
    deltas: list[dict[str, Any]] = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": piece}}
        for piece in _pieces(text)
    ]
    said: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"usage": usage}},
        {"type": "content_block_start", "index": 0, "content_block": start},
        {"type": "ping"},
        *deltas,
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": len(text) // 4}},
        {"type": "message_stop"},
    ]
    return [_event(one, str(one["type"])) for one in said]


async def _serve(arguments: list[str]) -> None:
    options = dict(zip(arguments[::2], arguments[1::2], strict=True))
    fault = Fault(options["--fault"]) if "--fault" in options else None
    async with ModelServer(fault=fault).listening(port=int(options.get("--port", "0"))) as server:
        sys.stdout.write(f"{server.openai_url}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(sys.argv[1:]))
