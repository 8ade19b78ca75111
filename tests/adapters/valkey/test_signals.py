"""The figures by which workers are scaled: read over HTTP from what a manager's dispatch really holds."""

from __future__ import annotations

import asyncio
import urllib.request

import pytest

from chimera.adapters.local.valkey import RunningValkey
from chimera.adapters.system.clock import SystemClock
from chimera.assembly.signals import Signals, served
from chimera.domain.errors import Invalid
from chimera.domain.work import Assignment, Result
from chimera.swarm.pool import Pool
from chimera.testing.dispatch_conformance import assignments
from tests.adapters.valkey.test_dispatch import manager

pytestmark = pytest.mark.requirement("R-L2", "R-A7")


def scraped(port: int) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, _, value in (line.partition(" ") for line in lines if line[:1] != "#")}


async def test_what_no_worker_has_room_for_is_the_lag(server: RunningValkey) -> None:
    signals = Signals()
    with served(signals, "127.0.0.1:0") as port:
        assert await asyncio.to_thread(scraped, port) == {
            "chimera_dispatch_lag": 0, "chimera_dispatch_room": 0, "chimera_dispatch_slices_sent": 0,
            "chimera_dispatch_resent": 0, "chimera_slots_held": 0,
        }  # fmt: skip
        async with manager(server.url) as dispatch:
            with signals.watched(0, dispatch):
                await dispatch.send(assignments(3))
                seen = await asyncio.to_thread(scraped, port)
                assert (seen["chimera_dispatch_lag"], seen["chimera_slots_held"]) == (3, 1)
        assert (await asyncio.to_thread(scraped, port))["chimera_slots_held"] == 0


async def test_workers_of_its_own_are_room_that_adds_up() -> None:
    async def work(assignment: Assignment) -> Result:
        await asyncio.Event().wait()
        raise AssertionError(assignment.task.id)

    pools, signals = [Pool(work, workers=4, clock=SystemClock()) for _ in range(2)], Signals()
    with signals.watched(0, pools[0]), signals.watched(1, pools[1]):
        await pools[0].send(assignments(3))
        assert (signals.room(), signals.lag(), signals.slots()) == (5, 0, 2)
    for pool in pools:
        await pool.close()


def test_without_an_address_nothing_is_served() -> None:
    with served(Signals(), "") as port:
        assert port == 0


@pytest.mark.parametrize("address", ["9000", "localhost:", "localhost:ninety", "localhost:65536"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(Invalid, match="metrics_address_malformed"), served(Signals(), address):
        pass
