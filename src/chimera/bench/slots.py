"""Waits until managers hold their slots: what is measured begins with all of them at work."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from chimera.processes.managers import ManagerProcess

LOOK_SECONDS = 0.02


async def until_held(running: Sequence[ManagerProcess], slots: int, *, seconds_max: float) -> None:
    """All of these slots, by whichever of them."""
    async with asyncio.timeout(seconds_max):
        while sum(one.signals.slots() for one in running) < slots:  # noqa: ASYNC110 – slots have no bell.
            await asyncio.sleep(LOOK_SECONDS)
