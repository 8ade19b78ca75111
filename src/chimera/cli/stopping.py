"""Runs a command's work so that SIGTERM, or a terminal that closes, ends it like a Ctrl-C: all of it, in order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T], *, loop: Callable[[], asyncio.AbstractEventLoop] | None = None) -> T:
    """What the work returns. Told to stop, it is cancelled, cleans up, and `KeyboardInterrupt` says so."""
    try:
        with asyncio.Runner(loop_factory=loop) as runner:
            return runner.run(_stoppable(work))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


async def _stoppable(work: Coroutine[Any, Any, T]) -> T:
    owner = asyncio.current_task()
    assert owner is not None, "runs in a task"
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, owner.cancel)
    return await work
