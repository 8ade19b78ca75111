"""The stream of changes, for as long as one wants: it goes on where it was after every interruption."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import httpx2
import msgspec
from msgspec import Struct

from chimera.client.shapes import Frame
from chimera.client.wire import Wire, error_of
from chimera.domain.errors import Unavailable

PAUSE_SECONDS_MIN, PAUSE_SECONDS_MAX = 0.5, 10.0
STREAM = "/v1/stream"


class Change(Struct, frozen=True, kw_only=True):
    """`kind` is `change`, `beat` (nothing changed) or `resync` (read everything again). `cursor` resumes after it."""

    kind: str
    cursor: str
    frame: Frame | None = None


async def changes(wire: Wire, *, cursor: str = "") -> AsyncGenerator[Change]:
    """Every change from a cursor on, or from now. Ends only with an error that waiting does not mend."""
    pause = PAUSE_SECONDS_MIN
    while True:
        try:
            async for change in _once(wire, cursor):
                pause, cursor = PAUSE_SECONDS_MIN, change.cursor or cursor
                yield change
        except (httpx2.TransportError, Unavailable):
            # The chains remember what was missed.
            pause = min(PAUSE_SECONDS_MAX, pause * 2)
        await wire.clock.sleep(pause)


async def _once(wire: Wire, cursor: str) -> AsyncGenerator[Change]:
    headers = {"last-event-id": cursor} if cursor else {}
    async with wire.stream(STREAM, headers=headers) as response:
        if not response.is_success:
            await response.aread()
            raise error_of(response)
        said: dict[str, str] = {}
        async for line in response.aiter_lines():
            name, _, value = line.partition(": ")
            if line:
                said[name] = value
            elif "event" in said:
                yield _change(said)
                said = {}


def _change(said: dict[str, str]) -> Change:
    kind, data = said["event"], said.get("data", "{}")
    frame = None if kind == "resync" else msgspec.json.decode(data, type=Frame)
    return Change(kind=kind, cursor=said.get("id", ""), frame=frame)
