"""The one connection over which a writer commits: opens its epoch, sends batches, asks what became of a lost one."""

from __future__ import annotations

import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

import asyncpg

from chimera.adapters.postgres.sql import query

SECONDS_MAX = 60.0
# A batch under full load has one or two megabytes. Of a socket's usual 200 kB it goes out in ten pieces, and for each
# but the first the whole loop has to come round: half of the time that a commit took (ADR-225).
SEND_BYTES = 4 * 1024 * 1024

Connect: TypeAlias = Callable[[], Awaitable["asyncpg.Connection[asyncpg.Record]"]]
# Told how many seconds each statement took, where somebody measures.
Took: TypeAlias = Callable[[float], None]
Faults = dict[int, tuple[str, str]]


class Line:
    """A connection that is opened for one writer, and opened again as its next session when it was lost."""

    def __init__(self, connect: Connect, writer: str, *, took: Took | None = None) -> None:
        self._connect = connect
        self._took = took
        self._writer = writer
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._statement: Any = None
        self.epoch: int | None = None
        self._session = 0
        self._batch = 0

    @property
    def is_open(self) -> bool:
        """Whether there is a connection to send on."""
        return self._connection is not None

    @property
    def batches(self) -> int:
        """How many were sent so far."""
        return self._batch

    async def open(self) -> None:
        """Open the writer at its next epoch; or continue it, so that what the lost connection still sends is fenced."""
        connection = await self._connect()
        try:
            _make_room(connection)
            row = await connection.fetchrow(query("open_writer"), self._writer, self.epoch, timeout=SECONDS_MAX)
            self._statement = await connection.prepare(query("commit_batch"))
        except BaseException:
            connection.terminate()
            raise
        assert row is not None
        self._connection = connection
        self.epoch, self._session = row["epoch"], row["session"]

    async def send(self, changes: int, arrays: Sequence[Any]) -> Faults:
        """Commit a batch. The changes that failed alone, with code and detail; none means that all are on disk."""
        self._batch += 1
        since = time.monotonic()
        row = await self._statement.fetchrow(
            self._writer, self.epoch, self._session, self._batch, changes, *arrays, timeout=SECONDS_MAX
        )
        if self._took is not None:
            self._took(time.monotonic() - since)
        return _faults(row["o_changes"], row["o_codes"], row["o_details"])

    async def answer(self) -> Faults | None:
        """What the last batch was answered, or None if it was not committed.

        Final only once the writer has been opened after it was sent, by whomever.
        """
        connection = self._connection or await self._connect()
        try:
            row = await connection.fetchrow(query("answer"), self._writer, self.epoch, timeout=SECONDS_MAX)
        finally:
            if connection is not self._connection:
                await connection.close()
        if row is None or row["batch"] != self._batch:
            return None
        return _faults(row["fault_changes"], row["fault_codes"], row["fault_details"])

    def drop(self) -> None:
        """Give up the connection without a word."""
        if self._connection is not None:
            self._connection.terminate()
        self._connection = None

    async def close(self) -> None:
        """Say goodbye."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close(timeout=5)


def _faults(changes: Sequence[int], codes: Sequence[str], details: Sequence[str]) -> Faults:
    return {change: (code, detail) for change, code, detail in zip(changes, codes, details, strict=True)}


def _make_room(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """So that its socket takes a whole batch at once, as far as the system lets it (`net.core.wmem_max`)."""
    # The driver gives its socket to nobody else. Over TCP the system makes room by itself, and would stop doing so.
    found = connection._transport.get_extra_info("socket")
    if found is not None and found.family == socket.AF_UNIX:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
