"""Runs a command's work so that a SIGTERM ends it as orderly as a Ctrl-C: what it started is ended, in its order."""

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
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, owner.cancel)
    return await work
