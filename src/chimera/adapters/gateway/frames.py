"""How worker processes and the gateway speak: frames of msgpack with a length before them, many under way at once."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from chimera.domain.errors import Invalid, Unavailable

FRAME_BYTES_MAX = 16 * 1024 * 1024
_LENGTH = 4
T = TypeVar("T")


class Call(Struct, frozen=True, kw_only=True):
    """One thing that a worker asks: `model` or `tool`, under its slice's token."""

    number: int
    token: str
    kind: str
    body: dict[str, Any]


class ToolCall(Struct, frozen=True, kw_only=True):
    """What is asked of a read tool, and for whom."""

    tool: str
    arguments: dict[str, Any]
    agent_id: str


class Reply(Struct, frozen=True, kw_only=True):
    """What it is answered: a body, or an error by kind and code."""

    number: int
    body: dict[str, Any] | None = None
    error: tuple[str, str, str, str, str] | None = None


def framed(sent: Call | Reply) -> bytes:
    """As bytes on the wire."""
    body = msgspec.msgpack.encode(sent)
    return len(body).to_bytes(_LENGTH, "big") + body


async def received(reader: asyncio.StreamReader, kind: type[T]) -> T | None:
    """The next frame; None at the end."""
    try:
        size = int.from_bytes(await reader.readexactly(_LENGTH), "big")
        if size > FRAME_BYTES_MAX:
            raise Invalid("message_malformed", f"a frame of {size} bytes", where="gateway", remedy="send less")
        return msgspec.msgpack.decode(await reader.readexactly(size), type=kind)
    except asyncio.IncompleteReadError:
        return None
    except OSError as error:
        raise Unavailable("gateway_unreachable", str(error), where="gateway", remedy="see whether it runs") from error
    except (msgspec.MsgspecError, RecursionError) as error:
        raise Invalid("message_malformed", str(error)[:200], where="gateway",
                      remedy="bring workers and gateway to one version") from error  # fmt: skip
