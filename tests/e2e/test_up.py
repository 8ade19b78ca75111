"""`chimera up`: shows what happens, is alone on its home, stops at once when it is halted, ends in order."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from chimera import bootstrap
from chimera.cli.story import every_event
from chimera.domain.durations import SECOND_US
from chimera.domain.event import Event, EventKind
from chimera.settings import Settings
from tests import fleet

pytestmark = pytest.mark.timeout(300)


@pytest.mark.requirement("R-E5", "R-N5", "R-A4")
def test_a_fleet_from_its_start_to_its_end(new_home: Path) -> None:
    with fleet.running(new_home, "up", "--agents", "6") as started:
        meanwhile = fleet.chimera(new_home, "halt", "recipient:nobody", "--json")
        assert meanwhile.code == 0, ("a command that comes before `up` or while it makes the database", meanwhile)
        fleet.until(
            lambda: "effect finished" in started.out, seconds_max=90, what="the feed shows that something went out"
        )
        assert "planned" in started.out
        require_alone(new_home, started)
        halted = fleet.chimera(new_home, "halt", "fleet", "--reason", "enough", "--json")
        assert halted.code == 0, halted
        time.sleep(3)
        answer, _ = started.stop(seconds_max=60)
        assert answer.code == 0, answer
        assert "the next `chimera up` goes on from here" in answer.err
        assert fleet.processes_of(new_home) == {}
    require_nothing_begins_while_halted(asyncio.run(events_of(new_home)))
    assert fleet.chimera(new_home, "audit", "verify").code == 0


def require_alone(home: Path, first: fleet.Running) -> None:
    second = fleet.chimera(home, "up")
    assert (second.code, second.out) == (1, "")
    assert f"Process {first.process.pid} (`chimera up`) is using the home" in second.err
    assert "choose another home with CHIMERA_HOME" in second.err
    assert first.process.poll() is None


def require_nothing_begins_while_halted(events: list[Event]) -> None:
    halts = [event.at_us for event in events if event.kind is EventKind.HALTED]
    assert len(halts) == 2, "that of nowhere, and that of the fleet"
    begun = (EventKind.EFFECT_STARTED, EventKind.EFFECT_RESENT, EventKind.ACTION_GRANTED, EventKind.INPUT_ADMITTED,
             EventKind.GRANTS_SEALED)  # fmt: skip
    started = [event.at_us for event in events if event.kind in begun]
    assert started, "something was under way before"
    assert max(started) <= max(halts) + SECOND_US


async def events_of(home: Path) -> list[Any]:
    async with bootstrap.running_or_own_database(Settings(home=str(home))) as found:
        reads = await found.reads()
        try:
            return [event async for _, event in every_event(reads)]
        finally:
            await reads.close()
