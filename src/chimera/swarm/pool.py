"""Many workers in this process: one coroutine per task, as many as there is room for. The in-process dispatch."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from chimera.domain.work import Assignment, Result
from chimera.ports.clock import Clock

# With so many at work, results are handed on by the handful: whoever judges them goes through them stage by stage.
BUSY_WORKERS_MIN = 64
GATHER_SECONDS = 0.01


class Pool:
    """Implements `ports.dispatch.Dispatch`."""

    def __init__(self, work: Callable[[Assignment], Awaitable[Result]], *, workers: int, clock: Clock) -> None:
        self._work = work
        self._clock = clock
        self._workers = workers
        self._running: set[asyncio.Task[None]] = set()
        self._done: asyncio.Queue[Result] = asyncio.Queue()

    @property
    def room(self) -> int:
        """How many more tasks would be started at once."""
        return self._workers - len(self._running)

    async def send(self, assignments: Sequence[Assignment]) -> None:
        """Start them all."""
        for assignment in assignments:
            running = asyncio.create_task(self._run(assignment))
            self._running.add(running)
            running.add_done_callback(self._running.discard)

    async def results(self) -> tuple[Result, ...]:
        """At least one result, and all that are there."""
        if len(self._running) >= BUSY_WORKERS_MIN:
            await self._clock.sleep(GATHER_SECONDS)
        found = [await self._done.get()]
        while not self._done.empty():
            found.append(self._done.get_nowait())
        return tuple(found)

    async def close(self) -> None:
        """Give up what is running: whoever has leased it gives it back, or its leases run out."""
        for running in tuple(self._running):
            running.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _run(self, assignment: Assignment) -> None:
        self._done.put_nowait(await self._work(assignment))
