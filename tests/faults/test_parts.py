"""One part of a running fleet dies: PostgreSQL, the vault, the network. Work pauses and goes on; nothing is doubled."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chimera import bootstrap
from chimera.adapters.local.home import socket_folder
from chimera.cli.story import every_event
from chimera.settings import Settings
from tests import fleet

DEMO = ("demo", "--agents", "6", "--seconds", "10", "--json")


def is_under_way(home: Path) -> bool:
    """Its servers are there, and can be asked. What dies before the start has ended fails it, which is said."""
    is_all = {"postgres", "vault", "network"} <= fleet.processes_of(home).keys()
    return is_all and (socket_folder(home) / "vault.sock").exists()


@pytest.mark.faults
@pytest.mark.timeout(300)
@pytest.mark.requirement("R-G1", "R-A4")
@pytest.mark.parametrize("role", ["postgres", "vault"])
def test_what_dies_is_started_again_and_nothing_is_lost(home: Path, role: str) -> None:
    with fleet.running(home, *DEMO, "--home", str(home)) as started:
        fleet.until(lambda: is_under_way(home), seconds_max=60, what="the fleet is up")
        fleet.until(lambda: published(home) > 0, seconds_max=60, what="something was published")
        killed: list[int] = []
        for _ in range(3):
            killed.append(fleet.kill(home, role))
            fleet.until(
                lambda: fleet.processes_of(home).get(role, killed[-1]) not in killed,
                seconds_max=60, what=f"{role} is there again",
            )  # fmt: skip
        ended = started.ended(200)
        assert ended.code == 0, ended
        fleet.require_sound(ended.object)
        again = "PostgreSQL is gone and is started again" if role == "postgres" else "the vault is gone and is started"
        assert ended.err.count(again) >= len(killed)
        assert fleet.processes_of(home) == {}


@pytest.mark.faults
@pytest.mark.timeout(400)
@pytest.mark.requirement("R-A4", "R-N1")
def test_a_network_that_is_gone_for_good_stops_no_fleet_and_doubles_nothing(home: Path) -> None:
    """Killed in the middle: acts become doubts or failures, the fleet goes on, and a stop is still in order."""
    with fleet.running(home, "up", "--agents", "5", "--quiet") as started:
        fleet.until(lambda: is_under_way(home), seconds_max=60, what="the fleet is up")
        fleet.until(lambda: published(home) > 5, seconds_max=60, what="something was published")
        fleet.kill(home, "network")
        time.sleep(35)
        assert started.process.poll() is None, started.err
        answer, seconds = started.stop(seconds_max=30)
        assert (answer.code, seconds < 5) == (0, True), (answer, seconds)
        assert fleet.processes_of(home) == {}
    assert fleet.chimera(home, "audit", "verify").code == 0
    kinds = kinds_of(home)
    assert kinds["EFFECT_IN_DOUBT"] + kinds["EFFECT_FAILED"] > 0
    # Every act that was begun is finished, failed or in doubt: once begun, never begun again under the same grant.
    assert doubled(home) == []


def kinds_of(home: Path) -> Counter[str]:
    return Counter(event["kind"] for event in events_of(home))


def published(home: Path) -> int:
    return kinds_of(home)["EFFECT_FINISHED"]


def doubled(home: Path) -> list[str]:
    begun = Counter(event["data"]["grant"] for event in events_of(home) if event["kind"] == "EFFECT_STARTED")
    return [grant for grant, count in begun.items() if count > 1]


def events_of(home: Path) -> list[dict[str, Any]]:
    """History, read beside the fleet or, when none runs, from a database that is started for it."""
    return asyncio.run(_events(home))


async def _events(home: Path) -> list[dict[str, Any]]:
    async with bootstrap.running_or_own_database(Settings(home=str(home))) as found:
        reads = await found.reads()
        try:
            return [msgspec.to_builtins(event) async for _, event in every_event(reads)]
        finally:
            await reads.close()
