"""Starts embedded servers again that died under a running fleet, and keeps their logs short. Repairs nothing else.

Whoever is connected meanwhile waits: how long is the business of the stores.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import structlog

from chimera.adapters.local.postgres import RunningPostgres, start_postgres
from chimera.adapters.local.processes import cut_log
from chimera.adapters.local.trickling import Trickle
from chimera.domain.errors import ChimeraError

LOOK_SECONDS, LOG_SECONDS = 0.2, 30.0
PAUSE_SECONDS_MAX = 5.0
_log = structlog.get_logger("chimera.database")


class Server(Protocol):
    """A server that this process answers for."""

    @property
    def pid(self) -> int: ...

    @property
    def log(self) -> Path: ...

    def is_alive(self) -> bool: ...

    async def stop(self) -> None: ...


S = TypeVar("S", bound=Server)


class Kept(Generic[S]):
    """One server under one home, whatever its process is at the moment. Its address stays the same."""

    def __init__(self, name: str, running: S, start: Callable[[], Awaitable[S]]) -> None:
        self._name = name
        self._running = running
        self._start = start

    @property
    def running(self) -> S:
        """The server as it is now."""
        return self._running

    async def keep(self) -> None:
        """Until cancelled: see whether it lives, and start it again when it does not, ever more patiently."""
        pause_seconds = LOOK_SECONDS
        while True:
            await asyncio.sleep(pause_seconds)
            if self._running.is_alive():
                continue
            try:
                await self._start_again()
                pause_seconds = LOOK_SECONDS
            except ChimeraError as error:
                pause_seconds = min(PAUSE_SECONDS_MAX, pause_seconds * 2)
                _log.error(f"{self._name} cannot be started again", why=str(error), again_in_seconds=pause_seconds)

    async def keep_log(self) -> None:
        """Until cancelled. A server that was started again may have another log."""
        await keep_log_short(self._name, lambda: self._running.log)

    async def _start_again(self) -> None:
        _log.warning(f"{self._name} is gone and is started again", pid=self._running.pid)
        # Nothing is left to stop, but the dead child is reaped and the lock on its data given back.
        await self._running.stop()
        self._running = await self._start()


async def keep_log_short(name: str, log: Callable[[], Path]) -> None:
    """Until cancelled: a fleet that runs for months fills no disk with what its servers say."""
    while True:
        await asyncio.sleep(LOG_SECONDS)
        try:
            if await asyncio.to_thread(cut_log, log()):
                _log.info(f"the log of {name} begins anew", log=str(log()))
        except ChimeraError as error:
            _log.error(f"the log of {name} cannot be cut", why=str(error))


@contextlib.asynccontextmanager
async def kept_postgres(home: Path) -> AsyncGenerator[Kept[RunningPostgres]]:
    """A server that is there for as long as the block runs, and is stopped at its end."""
    async with kept_server("PostgreSQL", lambda: start_postgres(home)) as kept:
        trickling = asyncio.create_task(Trickle(lambda: kept.running.data).run(), name="PostgreSQL-trickle")
        try:
            yield kept
        finally:
            trickling.cancel()
            await asyncio.gather(trickling, return_exceptions=True)


@contextlib.asynccontextmanager
async def kept_server(name: str, start: Callable[[], Awaitable[S]]) -> AsyncGenerator[Kept[S]]:
    """Any of them, by name and how it is started."""
    kept = Kept(name, await start(), start)
    keeping = [asyncio.create_task(each, name=f"{name}-keeper") for each in (kept.keep(), kept.keep_log())]
    try:
        yield kept
    finally:
        for each in keeping:
            each.cancel()
        await asyncio.gather(*keeping, return_exceptions=True)
        await kept.running.stop()
