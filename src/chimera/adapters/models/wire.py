"""What the wire protocols of model providers have in common: a question, a reply in pieces, and what can go wrong.

Reads and writes bytes; opens no connection.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from chimera.ports.model import ModelRequest

LINE_BYTES_MAX = 1_048_576
TEXT_CHARS_MAX = 262_144
DETAIL_CHARS_MAX = 200


class Cause(StrEnum):
    """Why a call to a model gave no answer that could be taken; each is a row in docs/reference/models.md."""

    OK = "ok"
    CACHED = "cached"
    UNREACHABLE = "unreachable"
    ERROR = "error"
    RATE_LIMITED = "rate-limited"
    REJECTED = "rejected"
    TIMED_OUT = "timed-out"
    STALLED = "stalled"
    DIED = "died"
    GARBAGE = "garbage"
    RUNAWAY = "runaway"
    TRUNCATED = "truncated"
    REFUSED = "refused"
    LEAKED = "leaked"
    MALFORMED = "malformed"
    RESTING = "resting"
    TOO_DEAR = "too-dear"
    NO_TIME = "no-time"


PASSING = frozenset({Cause.UNREACHABLE, Cause.ERROR, Cause.RATE_LIMITED, Cause.DIED})
FAILING = PASSING | {Cause.TIMED_OUT, Cause.STALLED, Cause.GARBAGE, Cause.RUNAWAY, Cause.REJECTED}


class Repair(Struct, frozen=True):
    """An answer of the wrong form, and what was wrong with it."""

    answer: str
    findings: tuple[str, ...]


class Ask(Struct, frozen=True, kw_only=True):
    """One question as it goes over the wire."""

    model: str
    request: ModelRequest
    frame: str
    schema: Mapping[str, Any]
    tokens_max: int
    repair: Repair | None = None

    @property
    def system(self) -> str:
        """What is ours to say."""
        return f"{self.request.instructions}\n\n{self.frame}"

    @property
    def user(self) -> str:
        """What is only data."""
        message: dict[str, Any] = {"task": self.request.prompt, "data": self.request.data}
        if self.repair is not None:
            message["repair"] = msgspec.to_builtins(self.repair)
        return msgspec.json.encode(message, order="sorted").decode()


class Reply(Struct, kw_only=True):
    """What has come so far. `finish` is empty until the provider says that it is through."""

    text: str = ""
    finish: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    refused: bool = False
    cost_micros: int | None = None


class Trouble(Exception):
    """A call that gave no answer. What it had cost by then stands in `reply`."""

    def __init__(self, cause: Cause, detail: str = "", *, reply: Reply | None = None, wait_seconds: float = 0) -> None:
        super().__init__(cause, detail)
        self.cause = cause
        self.detail = detail[:DETAIL_CHARS_MAX]
        self.reply = reply or Reply()
        self.wait_seconds = wait_seconds


class Event(Struct, frozen=True):
    """One server-sent event."""

    name: str
    data: str


class Wire(Protocol):
    """One provider's dialect: pure functions on what goes out and what comes in."""

    path: str

    def headers(self, key: str) -> dict[str, str]: ...

    def body(self, ask: Ask) -> dict[str, Any]: ...

    def take(self, event: Event, reply: Reply) -> None:
        """Add an event to what has come so far, or raise `Trouble`."""
        ...


class Events:
    """Cuts a stream of bytes into server-sent events, wherever the network broke it."""

    def __init__(self) -> None:
        self._rest = b""
        self._name = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """The events that are complete now."""
        self._rest += chunk
        if len(self._rest) > LINE_BYTES_MAX:
            raise Trouble(Cause.GARBAGE, f"a line of more than {LINE_BYTES_MAX} bytes")
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            yield from self._line(line.rstrip(b"\r"))

    def _line(self, line: bytes) -> Iterator[Event]:
        if not line:
            if self._data:
                yield Event(self._name, "\n".join(self._data))
            self._name, self._data = "", []
            return
        try:
            field, _, value = line.decode().partition(":")
        except UnicodeDecodeError as error:
            raise Trouble(Cause.GARBAGE, "the stream is not UTF-8") from error
        if field == "event":
            self._name = value.strip()
        elif field == "data":
            self._data.append(value.removeprefix(" "))


def said(event: Event) -> dict[str, Any]:
    """The JSON object in an event."""
    try:
        return msgspec.json.decode(event.data, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError) as error:
        raise Trouble(Cause.GARBAGE, f"an event that is no JSON object: {error}") from error
