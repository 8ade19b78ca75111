"""A process says that it is at work, for whoever asks which of them live. Nothing is decided by it."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Mapping, Sequence
from typing import Protocol

from chimera.adapters.postgres.presence import PostgresPresence
from chimera.adapters.system.clock import SystemClock, SystemIds
from chimera.assembly.running import run_beside
from chimera.domain.errors import Unavailable
from chimera.domain.presence import Heard
from chimera.domain.roles import Role
from chimera.ports.clock import Clock
from chimera.swarm.loops import end_if_told, patiently

SAID_SECONDS = 5.0
# Of a process that was silent for longer something is wrong: it was killed, hangs, or its host is cut off.
SILENT_SECONDS_MAX = 20.0


def here() -> str:
    """This process, as whoever looks for it would find it."""
    return f"{platform.node()}, process {os.getpid()}"


class Listening(Protocol):
    """What a manager hears of worker processes, which have no database in which they could say anything."""

    @property
    def needs_workers(self) -> bool: ...

    def heard(self) -> Sequence[Heard]: ...


async def be_present(
    stack: contextlib.AsyncExitStack, role: Role, *, dsn: str, passwords: Mapping[Role, str], who: str = "",
    listening: Listening | None = None,
) -> None:  # fmt: skip
    """Until the stack is left: say that this process works in that role, by any name or one that others know."""
    presence = await PostgresPresence.open(dsn, role=role, password=passwords[role])
    stack.push_async_callback(presence.close)
    called = who or SystemIds().new()
    stack.push_async_callback(_left, presence, called)
    await run_beside(stack, _say(presence, called, SystemClock(), listening))


async def _say(presence: PostgresPresence, who: str, clock: Clock, listening: Listening | None) -> None:
    async def say() -> None:
        await presence.say(who, process=here(), needs_workers=listening is not None and listening.needs_workers)
        if listening is not None:
            await presence.hear(listening.heard())

    while True:
        await patiently("presence", say, clock=clock)
        end_if_told()
        await clock.sleep(SAID_SECONDS)


async def _left(presence: PostgresPresence, who: str) -> None:
    """What a database that is away does not hear is forgotten after a day."""
    with contextlib.suppress(Unavailable):
        await presence.leave(who)
