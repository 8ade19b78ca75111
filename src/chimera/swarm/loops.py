"""How every loop of the swarm goes round: work while there is work, wait for the bell, survive what passes."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Awaitable, Callable, Generator
from typing import TypeVar

import structlog

from chimera.domain.errors import ChimeraError
from chimera.ports.clock import Clock
from chimera.swarm.bell import Bell

T = TypeVar("T")

PAUSE_SECONDS_MAX = 2.0
_PAUSE_SECONDS_MIN = 0.05
log = structlog.get_logger("chimera.swarm")


@types.coroutine
def in_step() -> Generator[None]:
    """Let the others of a round come as far: a stage costs half as much while the processor has it in its cache.

    One turn of whatever loop runs, real or virtual; it takes no time, and asks no clock.
    """
    yield


async def forever(
    name: str, *, once: Callable[[], Awaitable[bool]], bell: Bell, clock: Clock, idle_seconds: float,
    idle_seconds_max: float = 0.0,
) -> None:  # fmt: skip
    """Call `once` again at once while it finds work; pause, ever longer, while something is unavailable.

    Where nothing is found and nobody rings, it looks less and less often: a hundred idle managers that look five times
    a second are a database's whole work.
    """
    waits_seconds = idle_seconds
    while True:
        if await patiently(name, once, clock=clock) or await bell.wait(seconds_max=waits_seconds):
            waits_seconds = idle_seconds
        else:
            waits_seconds = max(idle_seconds, min(2 * waits_seconds, idle_seconds_max))
        end_if_told()


async def patiently(name: str, act: Callable[[], Awaitable[T]], *, clock: Clock) -> T:
    """Its result, however often it takes. Whoever was fenced stops: somebody else owns the work now."""
    pause_seconds = _PAUSE_SECONDS_MIN
    while True:
        try:
            return await act()
        except ChimeraError as error:
            if error.code == "writer_fenced":
                raise
            end_if_told()
            log.warning("a loop pauses", loop=name, seconds=pause_seconds, why=str(error))
            await clock.sleep(pause_seconds)
            pause_seconds = min(PAUSE_SECONDS_MAX, pause_seconds * 2)


def end_if_told() -> None:
    """A driver may take our cancellation for a fault of its connection; nobody cancels us a second time."""
    owner = asyncio.current_task()
    if owner is not None and owner.cancelling():
        raise asyncio.CancelledError
