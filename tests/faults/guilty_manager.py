"""A manager process that works on its tasks itself, and is ended by one of them: as a fault in a library would end it.

`python -m tests.faults.guilty_manager AGENTS SEED`; a part of tests alone.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import msgspec
import structlog
import uvloop

from chimera import bootstrap
from chimera.adapters.system.clock import SystemClock
from chimera.bench import parts
from chimera.bench.load import SlowModel
from chimera.ports.model import ModelAnswer, ModelRequest
from chimera.processes.managers import manager_process
from chimera.settings import read_settings

GUILTY = "whoever works on this one ends"
SECONDS, ENDS_SECONDS = 1.0, 0.5


class Deadly:
    """The simulated model, unless it is asked about the guilty one: then this process is gone, without a word."""

    def __init__(self, seed: int) -> None:
        self._model = SlowModel(SystemClock(), seed=seed, median_seconds=SECONDS)

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        if request.data.get("input", {}).get("text") == GUILTY:
            # A moment later: what was leased beside it is in work by then.
            await asyncio.sleep(ENDS_SECONDS)
            os.kill(os.getpid(), signal.SIGKILL)
        return await self._model.complete(request)


async def main(agents: int, seed: int) -> None:
    outside = msgspec.structs.replace(parts.outside_of(parts.world_of(agents, seed), seed), model=Deadly(seed))
    settings = read_settings()
    async with (
        bootstrap.running_or_own_database(settings) as found,
        manager_process(settings, found=found, outside=outside),
    ):
        sys.stdout.write("manager: ready\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    uvloop.run(main(*map(int, sys.argv[1:])))
