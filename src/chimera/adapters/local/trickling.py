"""Has what the embedded PostgreSQL wrote go to the disk all the time, where Linux would hold it back. Writes nothing.

The system hands over a file as a whole once its first page has waited for half a minute: hundreds of megabytes within a
second or two, and every commit waits behind them (ADR-238). On systems without that call all is as it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import structlog

BUSY_SECONDS, IDLE_SECONDS = 1.0, 10.0
# From the system's own headers: the standard library does not know it. Begins to write, and waits for nothing.
_SYNC_FILE_RANGE_WRITE = 2
# `FirstNormalObjectId`: what PostgreSQL makes itself has a lower number.
_FIRST_OURS = 16_384
_log = structlog.get_logger("chimera.database")


def begin_writing(handle: int) -> bool:
    """Has the system begin to write what it holds back of a file; whether it knows how to."""
    ask = _system_call()
    return ask is not None and (ask(handle, 0, 0, _SYNC_FILE_RANGE_WRITE) == 0 or ctypes.get_errno() != errno.ENOSYS)


@cache
def _system_call() -> Callable[[int, int, int, int], int] | None:
    """None where the system has no such call. Looked for once: it is made for every file, every second."""
    try:
        ask: Any = ctypes.CDLL(None, use_errno=True).sync_file_range
    except AttributeError:
        return None
    ask.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
    return ask


class Trickle:
    """For the tables and indexes in one data folder. Looks once a second while they are written to, else seldom."""

    def __init__(self, data: Callable[[], Path], *, begin: Callable[[int], bool] = begin_writing) -> None:
        self._data = data
        self._begin = begin
        self._written_ns: dict[str, int] = {}

    async def run(self) -> None:
        """Until cancelled, or until the system turns out not to know how."""
        while True:
            many = await asyncio.to_thread(self.once)
            if many is None:
                _log.info("the system writes to the disk when it likes: it cannot be asked to begin")
                return
            await asyncio.sleep(BUSY_SECONDS if many else IDLE_SECONDS)

    def once(self) -> int | None:
        """How many files were written to since the last look; nothing where the system cannot be asked."""
        many = 0
        for path in self._changed():
            try:
                handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                # Gone since: a table that was dropped needs no disk.
                continue
            try:
                if not self._begin(handle):
                    return None
            finally:
                os.close(handle)
            many += 1
        return many

    def _changed(self) -> list[str]:
        before, self._written_ns = self._written_ns, _files_of(self._data() / "base")
        return [path for path, written_ns in self._written_ns.items() if before.get(path) != written_ns]


def _files_of(base: Path) -> dict[str, int]:
    """Every file of every database of ours, and when it was written to last. What goes meanwhile is passed by."""
    found: dict[str, int] = {}
    with contextlib.suppress(OSError), os.scandir(base) as databases:
        for folder in [entry.path for entry in databases if _is_ours(entry.name)]:
            with contextlib.suppress(OSError), os.scandir(folder) as files:
                for entry in files:
                    with contextlib.suppress(OSError):
                        found[entry.path] = entry.stat().st_mtime_ns
    return found


def _is_ours(database: str) -> bool:
    """Not one of those that every server comes with: nobody writes to them, and they have more files than ours."""
    return database.isdecimal() and int(database) >= _FIRST_OURS
