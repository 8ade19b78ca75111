"""A fleet in one process before a simulated model: `python -m tests.faults.slow_fleet AGENTS SEED SECONDS BROUGHT`.

SECONDS is what the model takes. Brings so many arrivals, says how many tasks are leased or open whenever that changes,
and goes on until it is killed.
"""

from __future__ import annotations

import asyncio
import sys

import structlog
import uvloop

from chimera import bootstrap
from chimera.bench.feeding import Load, fed_house
from chimera.domain.task import Task, TaskState
from chimera.settings import read_settings

OPEN = (TaskState.WAITING, TaskState.READY, TaskState.LEASED, TaskState.GRANTED)
LOOKS_SECONDS = 0.05


async def main(agents: int, seed: int, model_seconds: float, brought: int) -> None:
    load = Load(agents=agents, seconds=0.0, seed=seed, model_seconds=model_seconds)
    async with (
        bootstrap.running_or_own_database(settings := read_settings()) as found,
        fed_house(settings, load, found=found) as house,
    ):
        for number in range(brought):
            house.entrance.bring(number % agents)
        house.entrance.knock()
        await house.entrance.emptied()
        told = ""
        while True:
            counts = await house.fleet.reads.count(Task)
            leased, still_open = counts.get(TaskState.LEASED, 0), sum(counts.get(state, 0) for state in OPEN)
            if (now := f"leased {leased} open {still_open} done {counts.get(TaskState.DONE, 0)}\n") != told:
                told = now
                sys.stdout.write(told)
                sys.stdout.flush()
            await asyncio.sleep(LOOKS_SECONDS)


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    agents, seed, seconds, brought = sys.argv[1:]
    uvloop.run(main(int(agents), int(seed), float(seconds), int(brought)))
