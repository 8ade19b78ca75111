"""How what was assembled runs: side by side, and with a checkpoint at the end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

import structlog

from chimera.domain.errors import ChimeraError
from chimera.governance.checkpoints import Checkpoints

_log = structlog.get_logger("chimera")


async def last_checkpoint(checkpoints: Checkpoints) -> None:
    """What is signed now cannot be cut off later. A vault that is gone signs at the next start."""
    try:
        await checkpoints.take()
    except ChimeraError as error:
        _log.warning("no checkpoint at the end", why=str(error))


async def run_beside(stack: contextlib.AsyncExitStack, *works: Coroutine[Any, Any, None]) -> None:
    """All run until the stack is left; if one of them breaks, whoever waits on the fleet is told."""
    owner = asyncio.current_task()
    running = [asyncio.create_task(work) for work in works]

    def broken(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None and owner is not None:
            owner.cancel()

    async def stop() -> None:
        for task in running:
            task.cancel()
        ended = await asyncio.gather(*running, return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception):
                raise error

    for task in running:
        task.add_done_callback(broken)
    stack.push_async_callback(stop)
