"""Back-pressure from models to admission: who is turned away sends fewer, plans nothing new, and comes back slowly."""

from __future__ import annotations

import pytest

from chimera.domain.campaign import Input
from chimera.domain.labels import PUBLIC
from chimera.domain.task import Task, TaskState
from chimera.domain.work import Result
from chimera.governance.calls import of_tries
from chimera.ports.model import Try
from chimera.swarm.bell import Bell
from chimera.swarm.handing import Handing
from chimera.swarm.planning import Planning
from chimera.swarm.throttle import LIFTED_US, STEP_US, Throttle
from tests.pipeline.test_planner import planner as a_planner
from tests.small_house import SmallHouse
from tests.swarm.test_hearing import Bench

pytestmark = pytest.mark.requirement("R-A2", "R-A5")


@pytest.fixture
async def house() -> SmallHouse:
    return await SmallHouse().open()


def told(cause: str, *, task: Task | None = None) -> Result:
    """What comes back of a task whose only model said this."""
    calls = of_tries((Try(model="m", cause=cause),), digest="")
    return Result(
        task_id=task.id if task else "", task_version=task.version if task else 0, failure="none", calls=calls
    )


@pytest.mark.parametrize("cause", ["rate-limited", "resting"])
async def test_half_of_what_was_out_and_one_more_for_every_round(house: SmallHouse, cause: str) -> None:
    throttle = Throttle(house.clock)
    assert (throttle.room(64), throttle.holds_back) == (64, False)
    throttle.heard(told(cause), free=1)
    assert throttle.holds_back
    assert throttle.room(1) == 0, "as many are out as may be, and more"
    assert throttle.room(64) == 32
    for _ in range(32):
        throttle.heard(told("ok"), free=32)
    assert throttle.room(64) == 33


async def test_a_crowd_that_is_turned_away_is_one_sign(house: SmallHouse) -> None:
    throttle = Throttle(house.clock)
    throttle.room(64)
    for _ in range(64):
        throttle.heard(told("rate-limited"), free=0)
    assert throttle.room(64) == 32
    house.clock.advance(STEP_US / 1_000_000)
    throttle.heard(told("rate-limited"), free=32)
    assert throttle.room(64) == 16


async def test_it_never_closes_and_is_lifted_in_the_end(house: SmallHouse) -> None:
    throttle = Throttle(house.clock)
    throttle.room(8)
    for _ in range(9):
        throttle.heard(told("rate-limited"), free=7)
        house.clock.advance(STEP_US / 1_000_000)
    assert throttle.room(8) == 1
    house.clock.advance(LIFTED_US / 1_000_000)
    assert (throttle.room(8), throttle.holds_back) == (8, False)


@pytest.mark.parametrize("cause", ["error", "malformed", "ok"])
async def test_other_troubles_are_no_sign(house: SmallHouse, cause: str) -> None:
    throttle = Throttle(house.clock)
    throttle.heard(told(cause), free=0)
    assert not throttle.holds_back


async def test_claiming_and_planning_hold_back_together(house: SmallHouse) -> None:
    """Tasks stay ready and inputs stay admitted while models turn away; later both are taken on."""
    bench = Bench(house)
    tasks = [await house.a_task(state=TaskState.READY, attempt=0) for _ in range(16)]
    roster = bench.judging._roster
    planner, _ = a_planner(house)
    planning = Planning(
        planner=planner, court=bench.judging._court, store=house.manager, roster=roster, claiming=bench.claiming,
        handing=Handing(planner=planner, store=house.manager, roster=roster, shards=range(256)), shards=range(256),
        ready=Bell(house.clock),
    )  # fmt: skip
    await bench.claiming.once()
    sent = len(bench.dispatch.sent)
    assert sent == 8, "as many as its workers have room for"
    await bench.hand_in(told("rate-limited", task=bench.dispatch.sent[0].task))
    came = Input(id=house.ids.new(), campaign_id=house.campaign.id, kind="bench", payload={"text": "a line"},
                 labels=(PUBLIC,), threat="LOW", admitted_at_us=house.clock.now_us())  # fmt: skip
    await house.put(came)
    await bench.claiming.once()
    assert 1 <= len(bench.dispatch.sent) - sent < 8
    assert not await planning.once()
    assert (await house.manager.get(Input, came.id)).state == "admitted"
    ready = [one for one in tasks if (await house.manager.get(Task, one.id)).state is TaskState.READY]
    assert ready, "what is not sent waits in the store"
    house.clock.advance(LIFTED_US / 1_000_000)
    while await bench.claiming.once():
        pass
    assert await planning.once()
    assert (await house.manager.get(Input, came.id)).state == "planned"
