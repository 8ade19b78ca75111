"""Keeps a fleet in one process the only one that manages its database, for as long as it runs."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from chimera.adapters.postgres.slots import PostgresSlots
from chimera.adapters.system.clock import SystemClock
from chimera.assembly.running import run_beside
from chimera.domain.errors import Unavailable
from chimera.domain.roles import Role
from chimera.settings import Settings
from chimera.swarm.holding import Alone


async def be_alone(
    stack: contextlib.AsyncExitStack, settings: Settings, *, dsn: str, passwords: Mapping[Role, str]
) -> PostgresSlots:
    """Hold every slot until the stack is left; refuses where manager processes are at work.

    Whoever leased something before is gone: its leases can be ended with what this returns.
    """
    slots = await PostgresSlots.open(dsn, role=Role.MANAGER, password=passwords[Role.MANAGER])
    stack.push_async_callback(slots.close)
    # By its home: a fleet that was killed and starts again waits for nobody's lease.
    alone = Alone(slots=slots, holder=alone_as(settings), clock=SystemClock())
    await alone.take()
    stack.push_async_callback(_left, alone)
    await run_beside(stack, alone.keep())
    return slots


def alone_as(settings: Settings) -> str:
    """What such a fleet is called where slots are held."""
    return f"fleet {settings.folder}"[-300:]


async def _left(alone: Alone) -> None:
    """What a database that is away does not take back runs out by itself."""
    with contextlib.suppress(Unavailable):
        await alone.leave()
