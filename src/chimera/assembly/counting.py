"""Assembles what counts the calls to networks. Decides nothing."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Mapping

from chimera.adapters.postgres.calls import PostgresCalls
from chimera.adapters.system.clock import SystemClock, SystemIds
from chimera.domain.errors import Unavailable
from chimera.domain.roles import Role
from chimera.governance.treasury import Treasury
from chimera.settings import Settings
from chimera.swarm.counting import Counting
from chimera.swarm.roster import Roster


@contextlib.asynccontextmanager
async def counting(
    settings: Settings, roster: Roster, *, dsn: str, passwords: Mapping[Role, str]
) -> AsyncGenerator[Counting]:
    """What a process that reads networks asks before every call, until the block is left."""
    windows = await PostgresCalls.open(dsn, password=passwords[Role.GATEWAY])
    made = Counting(windows=windows, roster=roster, treasury=Treasury(zone=settings.zone), clock=SystemClock(),
                    caller=SystemIds().new())  # fmt: skip
    try:
        yield made
    finally:
        # What a database that is away is not told counts as made before long.
        with contextlib.suppress(Unavailable):
            await made.close()
        await windows.close()
