"""Runs effects on sealed grants, a few at a time, and tells the manager what came of each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from chimera.domain.errors import ChimeraError, Refused
from chimera.domain.grant import Performance
from chimera.pipeline.effects import Effects
from chimera.swarm.loops import log

PERFORMED_AT_ONCE_MAX = 64


class Performing:
    """Knows which grants are being acted on in this process, so that none is started or recovered twice here."""

    def __init__(
        self,
        *,
        effects: Effects,
        done: Callable[[Performance], Awaitable[None]],
        refused: Callable[[str, Refused], Awaitable[None]],
    ) -> None:
        self._effects = effects
        self._done = done
        self._refused = refused
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
            try:
                await self._done(await act())
            except Refused as refusal:
                await self._note_refusal(grant_id, refusal)
            except ChimeraError as error:
                log.warning("looked at again later", grant=grant_id, why=str(error))

    async def _note_refusal(self, grant_id: str, refusal: Refused) -> None:
        log.info("effects refuses", grant=grant_id, why=str(refusal))
        try:
            await self._refused(grant_id, refusal)
        except ChimeraError as error:
            log.warning("a refusal is noted later", grant=grant_id, why=str(error))
