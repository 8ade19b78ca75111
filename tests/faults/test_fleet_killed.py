"""A fleet in one process that was killed at work goes on as soon as it runs again: no lease of the dead is kept."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from chimera.swarm.claiming import LEASE_SECONDS
from tests import fleet

AGENTS, SEED, BROUGHT = 12, 5, 12
STARTED_SECONDS_MAX = 60
# Far less than a lease: what the dead had leased would be worked on only then.
GOES_ON_SECONDS_MAX = LEASE_SECONDS / 3


@contextlib.asynccontextmanager
async def living(home: Path, *, model_seconds: float, brought: int) -> AsyncGenerator[asyncio.StreamReader]:
    """The fleet until the block is left; then it is killed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.faults.slow_fleet", *map(str, (AGENTS, SEED, model_seconds, brought)),
        env=fleet.environment(home), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert process.stdout is not None, "the pipe was asked for"
    try:
        yield process.stdout
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def until(said: asyncio.StreamReader, line: str, *, seconds_max: float) -> None:
    async with asyncio.timeout(seconds_max):
        while (heard := (await said.readline()).decode().strip()) != line:
            assert heard, "the fleet ended"


@pytest.mark.faults
@pytest.mark.timeout(240)
@pytest.mark.requirement("R-A2", "R-A4", "R-N1")
async def test_whoever_is_started_after_a_kill_waits_for_no_lease_of_the_dead(home: Path) -> None:
    async with living(home, model_seconds=LEASE_SECONDS, brought=BROUGHT) as said:
        await until(said, f"leased {BROUGHT} open {BROUGHT} done 0", seconds_max=STARTED_SECONDS_MAX)
    async with living(home, model_seconds=0.05, brought=0) as said:
        await until(said, f"leased 0 open 0 done {BROUGHT}", seconds_max=GOES_ON_SECONDS_MAX)
