"""Runs effects on sealed grants, a few at a time, and tells the manager what came of each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from chimera.domain.errors import ChimeraError
from chimera.domain.grant import Performance
from chimera.swarm.loops import log

PERFORMED_AT_ONCE_MAX = 64


class Acting(Protocol):
    """Whoever performs grants: the stage itself, or the process that has it."""

    async def perform(self, grant_id: str) -> Performance: ...

    async def recover(self, performance: Performance) -> Performance: ...


class Performing:
    """Knows which grants are being acted on in this process, so that none is started or recovered twice here."""

    def __init__(self, *, effects: Acting, ended: Callable[[str, Performance | ChimeraError], Awaitable[None]]) -> None:
        self._effects = effects
        self._ended = ended
        self._slots = asyncio.Semaphore(PERFORMED_AT_ONCE_MAX)
        self._running: dict[str, asyncio.Task[None]] = {}

    def offer(self, grant_id: str) -> None:
        """A sealed grant to act on."""
        self._start(grant_id, lambda: self._effects.perform(grant_id))

    def recover(self, performance: Performance) -> None:
        """An act whose outcome nobody recorded."""
        self._start(performance.id, lambda: self._effects.recover(performance))

    def knows(self, grant_id: str) -> bool:
        """Whether somebody here is at it."""
        return grant_id in self._running

    async def close(self) -> None:
        """Stop acting. What was under way is recovered from its record."""
        for running in tuple(self._running.values()):
            running.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    def _start(self, grant_id: str, act: Callable[[], Awaitable[Performance]]) -> None:
        if grant_id in self._running:
            return
        running = asyncio.create_task(self._run(grant_id, act))
        self._running[grant_id] = running
        running.add_done_callback(lambda _: self._running.pop(grant_id, None))

    async def _run(self, grant_id: str, act: Callable[[], Awaitable[Performance]]) -> None:
        async with self._slots:
            outcome = await self._outcome(act)
            try:
                await self._ended(grant_id, outcome)
            except ChimeraError as error:
                log.warning("an outcome is noted later", grant=grant_id, why=str(error))

    async def _outcome(self, act: Callable[[], Awaitable[Performance]]) -> Performance | ChimeraError:
        try:
            return await act()
        except ChimeraError as error:
            return error
