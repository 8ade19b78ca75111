"""An event loop in virtual time: nothing ever waits, time jumps to the next timer, and one seed gives one run.

Touches no network, no file and no real clock. Where nothing is ready and no timer runs, it raises instead of hanging.
"""

from __future__ import annotations

import asyncio
import random
import selectors
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

from msgspec import Struct

from chimera.domain import ids
from chimera.domain.durations import SECOND_US

T = TypeVar("T")

EPOCH_US = 1_763_700_000 * SECOND_US
_RESOLUTION_SECONDS = 1e-6


class Deadlock(Exception):
    """Everybody waits for somebody, and nobody for a time: this would hang for ever."""


class UnexpectedError(Exception):
    """An exception that nobody fetched: in life it would be a line in a log."""


class _Leaper(selectors.BaseSelector):
    """A selector that never waits: where the loop would sleep, it says how far to leap."""

    def __init__(self, leap: Callable[[float], None]) -> None:
        self._leap = leap
        self._keys: dict[Any, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:  # noqa: ANN401 – as the base class
        """Remembered, never looked at: the loop's own wake-up pipe is all that comes here."""
        key = selectors.SelectorKey(fileobj, _descriptor(fileobj), events, data)
        self._keys[fileobj] = key
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:  # noqa: ANN401 – as the base class
        """Forgotten."""
        return self._keys.pop(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Nothing is ever ready but time."""
        if timeout is None:
            raise Deadlock("nothing is ready and no timer runs")
        if timeout > 0:
            self._leap(timeout)
        return []

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        """What was registered."""
        return self._keys


def _descriptor(fileobj: Any) -> int:  # noqa: ANN401 – a descriptor, or what has one
    return fileobj if isinstance(fileobj, int) else fileobj.fileno()


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time is a number. Unfetched exceptions are kept, so that a run can fail for them."""

    def __init__(self) -> None:
        self._seconds = 0.0
        super().__init__(_Leaper(self._leap))
        self._clock_resolution = _RESOLUTION_SECONDS
        self.unexpected: list[str] = []
        self.set_exception_handler(_keep_unexpected)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._seconds

    def _leap(self, seconds: float) -> None:
        self._seconds += seconds


def _keep_unexpected(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    assert isinstance(loop, VirtualLoop), "the handler belongs to this loop"
    error = context.get("exception")
    loop.unexpected.append(f"{context.get('message', '')}: {type(error).__name__}: {error}")


class VirtualClock:
    """`ports.clock.Clock` over a virtual loop. Its wall clock can also jump, as clocks do when somebody sets them."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, start_us: int = EPOCH_US) -> None:
        self._loop = loop
        self._start_us = start_us

    def now_us(self) -> int:
        """The wall clock."""
        return self._start_us + round(self._loop.time() * SECOND_US)

    def jump(self, seconds: float) -> None:
        """The wall clock is set forward. Who sleeps does not notice."""
        self._start_us += round(seconds * SECOND_US)

    async def sleep(self, seconds: float) -> None:
        """Let others run, for so long."""
        await asyncio.sleep(seconds)

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[Any]:
        """Raises `TimeoutError` inside after so long."""
        return asyncio.timeout(seconds)


class SimulatedIds:
    """`ports.ids.Ids` from a seed."""

    def __init__(self, clock: VirtualClock, dice: random.Random) -> None:
        self._clock = clock
        self._dice = dice

    def new(self) -> str:
        """A fresh id of now."""
        return ids.build(at_us=self._clock.now_us(), entropy=self._dice.getrandbits(74))


class Simulated(Struct, frozen=True, kw_only=True):
    """What a virtual run has instead of the world."""

    loop: VirtualLoop
    clock: VirtualClock
    ids: SimulatedIds
    seed: int

    def dice(self, name: str) -> random.Random:
        """Dice of their own for one concern, so that one more draw here changes nothing there."""
        return random.Random(f"{self.seed}:{name}")


def run_virtually(main: Callable[[Simulated], Awaitable[T]], *, seed: int) -> T:
    """Run to the end in virtual time. An exception that nobody fetched fails the run."""
    loop = VirtualLoop()
    clock = VirtualClock(loop)
    dice = random.Random(f"{seed}:ids")
    simulated = Simulated(loop=loop, clock=clock, ids=SimulatedIds(clock, dice), seed=seed)
    try:
        result = loop.run_until_complete(_awaited(main(simulated)))
        _finish(loop)
    finally:
        _finish(loop)
        loop.close()
    if loop.unexpected:
        raise UnexpectedError("; ".join(loop.unexpected))
    return result


async def _awaited(result: Awaitable[T]) -> T:
    return await result


def _finish(loop: VirtualLoop) -> None:
    """Cancel what still runs, in the order of its making, and let it end."""
    left = sorted(asyncio.all_tasks(loop), key=_number_of)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))


def _number_of(task: asyncio.Task[Any]) -> tuple[int, str]:
    """Tasks are named Task-1, Task-2, …"""
    name = task.get_name()
    return len(name), name
