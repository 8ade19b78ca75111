"""Many pages that listen to the stream of changes, as a process of its own: how late and how often they were told.

Reads sockets by hand: five hundred whole clients would be measured instead of the server.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from urllib.parse import urlsplit

import msgspec
import uvloop
from msgspec import Struct

OPENED_AT_ONCE = 20


class _Told(Struct):
    at_us: int
    oldest_us: int


class Heard(Struct, frozen=True, kw_only=True):
    """What all of them heard."""

    clients: int
    frames: int
    frames_per_second_max: float
    delivered_us: tuple[int, ...]
    resyncs: int


class Listeners:
    """So many open streams."""

    def __init__(self, url: str, token: str) -> None:
        self._at = urlsplit(url)
        self._token = token
        self._late_us: list[int] = []
        self._frames: Counter[int] = Counter()
        self._resyncs = 0
        self._is_counting = False

    async def listen(self, clients: int, seconds: float) -> Heard:
        """Open all, say so on stdout, and count for a while."""
        opened: list[asyncio.Task[None]] = []
        for first in range(0, clients, OPENED_AT_ONCE):
            begun = [asyncio.Event() for _ in range(min(OPENED_AT_ONCE, clients - first))]
            opened += [asyncio.create_task(self._one(first + place, began)) for place, began in enumerate(begun)]
            await asyncio.gather(*(began.wait() for began in begun))
        sys.stdout.write("listening\n")
        sys.stdout.flush()
        self._is_counting = True
        await asyncio.sleep(seconds)
        self._is_counting = False
        for task in opened:
            task.cancel()
        await asyncio.gather(*opened, return_exceptions=True)
        return Heard(
            clients=len(self._frames), frames=sum(self._frames.values()), resyncs=self._resyncs,
            frames_per_second_max=round(max(self._frames.values(), default=0) / seconds, 2),
            delivered_us=tuple(sorted(self._late_us)),
        )  # fmt: skip

    async def _one(self, number: int, began: asyncio.Event) -> None:
        reader, writer = await asyncio.open_connection(self._at.hostname, self._at.port, limit=1 << 20)
        head = f"GET /v1/stream HTTP/1.1\r\nHost: {self._at.netloc}\r\nAuthorization: Bearer {self._token}\r\n\r\n"
        writer.write(head.encode())
        try:
            while line := await reader.readline():
                began.set()
                if line.startswith(b"data: {") and self._is_counting:
                    self._hear(number, line[6:])
        finally:
            writer.close()

    def _hear(self, number: int, data: bytes) -> None:
        now_us = time.time_ns() // 1_000
        self._frames[number] += 1
        if data == b"{}\n":
            self._resyncs += 1
            return
        told = msgspec.json.decode(data, type=_Told)
        if told.oldest_us:
            self._late_us.append(now_us - told.oldest_us)


def main() -> None:
    """`python -m chimera.bench.listeners URL CLIENTS SECONDS`, with the token on stdin."""
    url, clients, seconds = sys.argv[1:4]
    heard = uvloop.run(Listeners(url, sys.stdin.readline().strip()).listen(int(clients), float(seconds)))
    sys.stdout.write(msgspec.json.encode(heard).decode() + "\n")


if __name__ == "__main__":
    main()
