"""Why work waits: what managers put on record of task types that models turn away, as the API tells it."""

from __future__ import annotations

import asyncio

import pytest

from chimera.api.restraints import Restraints
from chimera.client.shapes import HeldBack
from chimera.client.terminal import lines
from chimera.domain.change import Change
from chimera.domain.durations import MINUTE_US
from chimera.domain.event import Event, EventKind
from chimera.domain.roles import Role
from chimera.testing.manual_clock import ManualClock
from tests.api.conftest import World

pytestmark = pytest.mark.requirement("R-A2")


def held(task_type: str, manager: str, at_us: int, *, most: int = 4, model: str = "m") -> Event:
    data = {"assignments_at_once": most, "models": [model], "since_us": at_us, "until_us": at_us + 2 * MINUTE_US,
            "manager": manager}  # fmt: skip
    return Event(kind=EventKind.WORK_HELD_BACK, subject=task_type, at_us=at_us, data=data)


def let_go(task_type: str, manager: str, at_us: int) -> Event:
    return Event(kind=EventKind.WORK_LET_GO, subject=task_type, at_us=at_us, data={"since_us": 0, "manager": manager})


def test_what_managers_say_is_told_together_until_they_take_it_back() -> None:
    clock = ManualClock()
    now_us = clock.now_us()
    restraints = Restraints(clock)
    # Whoever counts the day begins later: what is older is heard after what is newer.
    restraints.note(let_go("b", "one", now_us))
    restraints.note(held("b", "one", now_us - 1))
    restraints.note(held("a", "two", now_us, most=3, model="n"))
    restraints.note(held("a", "one", now_us - 5))
    (only,) = restraints.now()
    assert (only.task_type, only.assignments_at_once, only.models) == ("a", 7, ("m", "n"))
    assert only.since_us == now_us - 5
    restraints.note(let_go("a", "two", now_us + 1))
    assert [one.assignments_at_once for one in restraints.now()] == [4]


def test_what_a_manager_said_that_died_runs_out() -> None:
    clock = ManualClock()
    restraints = Restraints(clock)
    restraints.note(held("a", "one", clock.now_us()))
    clock.advance(119)
    assert restraints.now()
    clock.advance(1)
    assert restraints.now() == ()


async def test_the_api_and_its_metrics_say_what_waits_and_for_which_model(world: World) -> None:
    async with world.client("viewer") as client:
        assert (await client.get("/v1/fleet")).json()["held_back"] == []
        manager = await world.store(Role.MANAGER, "manager-of-restraints")
        await manager.commit(Change(events=(held("copy.post", "m", world.clock.now_us()),)))
        running = asyncio.create_task(world.built.pulse.run())
        try:
            async with asyncio.timeout(20):
                while not (found := (await client.get("/v1/fleet")).json()["held_back"]):
                    await asyncio.sleep(0.05)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        assert [(one["task_type"], one["assignments_at_once"], one["models"]) for one in found] == [
            ("copy.post", 4, ["m"])
        ]
        metrics = (await client.get("/metrics")).text
    assert 'chimera_held_back_assignments{task_type="copy.post"} 4.0' in metrics


def test_the_terminal_says_it() -> None:
    one = HeldBack(task_type="copy.post", assignments_at_once=4, models=("openai/x",))
    assert "copy.post waits: openai/x turns it away; 4 at once" in lines.held_back_lines((one,)).plain
