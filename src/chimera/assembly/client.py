"""A house from elsewhere, ready to use: `chimera.client` with the machine's clock and ids. Decides nothing."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator

from chimera.adapters.system.clock import SystemClock, SystemIds
from chimera.client.house import House
from chimera.client.wire import Wire


@contextlib.asynccontextmanager
async def house_at(url: str, token: str) -> AsyncGenerator[House]:
    """The house whose API is at this address, in the name of whoever the token is of."""
    async with Wire(url, token, clock=SystemClock(), ids=SystemIds()) as wire:
        yield House(wire)


async def in_terminal(house: House) -> None:
    """The desk and the fleet of a house on the screen of this terminal, until whoever sits there leaves."""
    # Imported when used: no other command draws.
    from chimera.client.terminal.screen import Top

    await Top(house).run_async()
