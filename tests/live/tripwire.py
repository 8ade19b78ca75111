"""A line to a server that kills somebody when a certain call goes over it: before, in the middle of, or after it.

HTTP as it is, or a WebSocket, whose frames from the client are masked.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum

CHUNK = 65_536


class Moment(StrEnum):
    """When it strikes."""

    BEFORE = "before"
    BETWEEN = "between"
    AFTER = "after"


class Tripwire:
    """Lets everything through until it is armed; then it strikes once, at the next call that has all the marks."""

    def __init__(self, port: int, marks: tuple[bytes, ...], *, masked: bool = False) -> None:
        self._upstream = port
        self._marks = marks
        self._masked = masked
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._armed: tuple[Moment, Callable[[], None]] | None = None
        self._lock = threading.Lock()
        self.struck = threading.Event()
        self.calls = 0

    def arm(self, moment: Moment, strike: Callable[[], None]) -> None:
        """The next call strikes."""
        self.struck.clear()
        with self._lock:
            self._armed = (moment, strike)

    def disarm(self) -> None:
        """From now on everything passes."""
        with self._lock:
            self._armed = None

    def serve(self) -> None:
        while True:
            try:
                client, _address = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _carry(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._upstream)) as server:
            caught: list[tuple[Moment, Callable[[], None]]] = []
            back = threading.Thread(target=self._answer, args=(server, client, caught), daemon=True)
            back.start()
            with suppress(OSError):
                self._ask(client, server, caught)
            with suppress(OSError):
                server.shutdown(socket.SHUT_WR)
            back.join()

    def _ask(
        self, client: socket.socket, server: socket.socket, caught: list[tuple[Moment, Callable[[], None]]]
    ) -> None:
        said = b""
        while data := client.recv(CHUNK):
            said += data
            if all(mark in (unmasked(said) if self._masked else said) for mark in self._marks):
                said = b""
                self.calls += 1
                if (trap := self._take()) is not None:
                    if trap[0] is Moment.BEFORE:
                        self._strike(trap)
                        return
                    caught.append(trap)
            server.sendall(data)

    def _answer(
        self, server: socket.socket, client: socket.socket, caught: list[tuple[Moment, Callable[[], None]]]
    ) -> None:
        with suppress(OSError):
            while data := server.recv(CHUNK):
                if caught and caught[0][0] is Moment.BETWEEN:
                    self._strike(caught.pop())
                    return
                client.sendall(data)
                if caught:
                    self._strike(caught.pop())
                    return
            client.shutdown(socket.SHUT_WR)

    def _take(self) -> tuple[Moment, Callable[[], None]] | None:
        with self._lock:
            trap, self._armed = self._armed, None
            return trap

    def _strike(self, trap: tuple[Moment, Callable[[], None]]) -> None:
        trap[1]()
        self.struck.set()


def unmasked(stream: bytes) -> bytes:
    """What a WebSocket client said in whole frames, after its request for one."""
    _, found, rest = stream.partition(b"\r\n\r\n")
    rest = rest if found else stream
    told: list[bytes] = []
    while len(rest) >= 2:
        length, start = rest[1] & 127, 2
        if length >= 126:
            wide = 2 if length == 126 else 8
            length, start = int.from_bytes(rest[2 : 2 + wide]), 2 + wide
        mask, body = rest[start : start + 4], rest[start + 4 : start + 4 + length]
        if len(body) < length:
            break
        told.append(bytes(letter ^ mask[place % 4] for place, letter in enumerate(body)))
        rest = rest[start + 4 + length :]
    return b"\n".join(told)


@contextmanager
def tripwire(port: int, marks: tuple[bytes, ...], *, masked: bool = False) -> Iterator[Tripwire]:
    """A line to a port of this machine, for as long as the block runs."""
    wire = Tripwire(port, marks, masked=masked)
    thread = threading.Thread(target=wire.serve, daemon=True)
    thread.start()
    try:
        yield wire
    finally:
        wire.close()
        thread.join(timeout=5)
