"""How worker processes and the gateway speak: frames of msgpack with a length before them, many under way at once."""

from __future__ import annotations

import asyncio
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from chimera.domain.errors import Invalid, Unavailable
from chimera.ports.model import Try

FRAME_BYTES_MAX = 16 * 1024 * 1024
CHUNK_BYTES = 262_144
_LENGTH = 4
# Asked by whoever wants to know whether anybody is there; it needs no token and tells nothing else.
ALIVE = "alive"
NOTHING = msgspec.Raw(msgspec.msgpack.encode(None))
T = TypeVar("T")


class Call(Struct, frozen=True, kw_only=True):
    """One thing that a worker asks: `model` or `tool`, under its slice's token; `alive` needs none.

    The body is looked at afterwards.
    """

    number: int
    token: str
    kind: str
    body: msgspec.Raw


class ToolCall(Struct, frozen=True, kw_only=True):
    """What is asked of a read tool, and for whom."""

    tool: str
    arguments: dict[str, Any]
    agent_id: str


class Reply(Struct, frozen=True, kw_only=True):
    """What it is answered: a body, or an error by kind and code, with what was tried where no model answered."""

    number: int
    body: msgspec.Raw = NOTHING
    error: tuple[str, str, str, str, str] | None = None
    tries: tuple[Try, ...] = ()


def packed(body: Struct) -> msgspec.Raw:
    """A body as it travels."""
    return msgspec.Raw(msgspec.msgpack.encode(body))


def unpacked(body: msgspec.Raw, kind: type[T]) -> T:
    """A body from how it travels, or `Invalid`."""
    try:
        return msgspec.msgpack.decode(body, type=kind)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise _malformed(str(error)) from error


def framed(sent: Call | Reply) -> bytes:
    """As bytes on the wire."""
    body = msgspec.msgpack.encode(sent)
    return len(body).to_bytes(_LENGTH, "big") + body


class Frames(Generic[T]):
    """What the other end sends, as many frames at once as have come whole."""

    def __init__(self, reader: asyncio.StreamReader, kind: type[T]) -> None:
        self._reader = reader
        self._decoder = msgspec.msgpack.Decoder(kind)
        self._came = bytearray()

    async def next(self) -> list[T]:
        """At least one; none at the end."""
        while True:
            try:
                chunk = await self._reader.read(CHUNK_BYTES)
            except OSError as error:
                raise Unavailable("gateway_unreachable", str(error), where="gateway",
                                  remedy="see whether it runs") from error  # fmt: skip
            if not chunk:
                return []
            self._came += chunk
            if found := self._whole():
                return found

    def _whole(self) -> list[T]:
        """The frames that are there in full; what is left waits for the rest."""
        found: list[T] = []
        at, end = 0, len(self._came)
        while end - at >= _LENGTH:
            size = int.from_bytes(self._came[at : at + _LENGTH], "big")
            if size > FRAME_BYTES_MAX:
                raise _malformed(f"a frame of {size} bytes")
            begins = at + _LENGTH
            if end - begins < size:
                break
            at = begins + size
            found.append(self._decoded(bytes(self._came[begins:at])))
        del self._came[:at]
        return found

    def _decoded(self, body: bytes) -> T:
        try:
            return self._decoder.decode(body)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise _malformed(str(error)) from error


def _malformed(why: str) -> Invalid:
    return Invalid("message_malformed", why[:200], where="gateway", remedy="bring workers and gateway to one version")
