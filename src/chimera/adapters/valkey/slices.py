"""What travels over the streams between managers and worker processes, and how the streams are called."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from msgspec import Struct

from chimera.adapters.valkey.connection import PREFIX
from chimera.domain.errors import Invalid
from chimera.domain.work import Assignment, Result

T = TypeVar("T")

SLICE_TASKS_MAX = 64
HELLO = "hello:"
STREAM_SECONDS_MAX = 600
SLICES_KEPT_MAX = 10_000


class Slice(Struct, frozen=True, kw_only=True):
    """Some assignments for one worker process: where results go, and the token that opens the gateway for these."""

    reply: str
    token: str
    assignments: tuple[Assignment, ...]


class Hello(Struct, frozen=True, kw_only=True):
    """A worker process says that it lives, which of its lives this is, and how much it can carry; or that it ends."""

    incarnation: str
    capacity: int
    busy: int
    process: str = ""
    ends: bool = False


_SLICE = msgspec.msgpack.Decoder(Slice)
_HELLO = msgspec.msgpack.Decoder(Hello)
_RESULTS = msgspec.msgpack.Decoder(tuple[Result, ...])


def encoded(sent: Slice | Hello | tuple[Result, ...]) -> bytes:
    """As bytes on the wire."""
    return msgspec.msgpack.encode(sent)


def slice_of(body: bytes) -> Slice:
    """A slice from its bytes, or `Invalid`."""
    return _decoded(_SLICE, body)


def hello_of(body: bytes) -> Hello:
    """A hello from its bytes, or `Invalid`."""
    return _decoded(_HELLO, body)


def results_of(body: bytes) -> tuple[Result, ...]:
    """Results from their bytes, or `Invalid`."""
    return _decoded(_RESULTS, body)


def _decoded(decoder: msgspec.msgpack.Decoder[T], body: bytes) -> T:
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Invalid("message_malformed", str(error)[:200], where="stream",
                      remedy="bring managers and workers to one version") from error  # fmt: skip


def work_stream(worker: str, incarnation: str) -> str:
    """What one life of one worker process reads."""
    return f"{PREFIX}work:{worker}:{incarnation}"


def result_stream(worker: str, reply: str) -> str:
    """What one worker process writes for one manager. Nobody else may: a result is believed by where it lies."""
    return f"{PREFIX}results:{worker}:{reply}"


def worker_rules(worker: str) -> str:
    """What the user of a worker process may do, as Valkey writes it: its own streams, its own word, nothing else."""
    return (
        f"%R~{PREFIX}work:{worker}:* %W~{PREFIX}results:{worker}:* &{PREFIX}{HELLO}{worker} "
        "+xread +xadd +pexpire +publish +ping"
    )
