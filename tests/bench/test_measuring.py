"""What a measurement says of itself: who was busy, how long statements took, whose errors there were."""

from __future__ import annotations

import asyncio
import time

import pytest

from chimera.adapters.system.clock import SystemClock, SystemIds
from chimera.bench import growth, recover, tiers
from chimera.bench.feeding import Feeder
from chimera.bench.load import BenchMeter, Lines, Occupancy, SlowModel, agent_of, settled_in
from chimera.bench.observed import Statements, whose
from chimera.domain.campaign import Campaign
from chimera.domain.event import Link
from chimera.ports.model import ModelRequest
from chimera.testing.manual_clock import ManualClock

pytestmark = pytest.mark.requirement("R-A7")
SOUND = {"lost": 0, "doubled": 0, "overspent": 0, "did_not_end": [], "chain": "verified"}


def seconds(**worst: float) -> dict[str, object]:
    return {**SOUND, "seconds": {what: {"max": worst.get(what, 0.1)} for what in recover.LIMITS_SECONDS}}


@pytest.mark.parametrize(
    ("result", "missed"),
    [
        (seconds(), []),
        (seconds(manager=4.99, valkey=4.99, valkey_flushed=4.99, postgres=9.99), []),
        (seconds(manager=5.0), ["manager"]),
        (seconds(postgres=10.0), ["postgres"]),
        ({**seconds(), "lost": 1}, ["lost"]),
        ({**seconds(), "doubled": 1, "overspent": 1}, ["doubled", "overspent"]),
        ({**seconds(), "did_not_end": ["manager-0"]}, ["did_not_end"]),
        ({**seconds(), "chain": "manager-0: 7"}, ["chain"]),
    ],
)
def test_a_recovery_says_which_limits_were_not_kept(result: dict[str, object], missed: list[str]) -> None:
    assert recover.missed(result) == missed


def test_seconds_are_told_by_their_middle_and_their_worst() -> None:
    assert recover.spread([3.0, 1.0, 2.0]) == {"p50": 2.0, "max": 3.0, "all": [3.0, 1.0, 2.0]}


async def test_occupancy_is_a_share_of_everybody_and_of_the_time() -> None:
    occupancy = Occupancy()
    occupancy.entered("ada")
    occupancy.entered("ada")
    occupancy.forget()
    await asyncio.sleep(0.02)
    assert 0.49 < occupancy.share(2) <= 0.51
    occupancy.left("ada")
    occupancy.left("ada")
    assert occupancy.take_left() == ["ada", "ada"]
    assert occupancy.take_left() == []
    occupancy.forget()
    await asyncio.sleep(0.01)
    assert occupancy.share(2) == 0.0


def test_statements_are_told_by_their_worst() -> None:
    statements = Statements()
    for number in range(100):
        statements.took(number / 1_000)
    assert statements.queries_ms() == {"count": 100, "p95": 95.0, "worst": 99.0}
    statements.forget()
    assert statements.queries_ms() == {"count": 0, "p95": 0.0, "worst": 0.0}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"data":{},"kind":"PLAN_REFUSED"}', "planner"),
        (b'{"data":{"why":"the model is away"},"kind":"WORK_FAILED"}', "worker"),
        (b'{"data":{"why":"the judge gave no verdict: away"},"kind":"WORK_FAILED"}', "judge"),
        (b'{"data":{"reasons":["over_budget"]},"kind":"ACTION_DENIED"}', "cfo"),
        (b'{"data":{"reasons":["taint"]},"kind":"ACTION_DENIED"}', ""),
        (b'{"data":{},"kind":"DRAFT_JUDGED"}', ""),
    ],
)
def test_an_error_is_somebodys(body: bytes, kind: str) -> None:
    assert whose(Link(writer="manager-0", seq=1, body=body, hash=b"")) == kind


async def test_a_slow_model_says_who_is_inside() -> None:
    clock = ManualClock()
    model = SlowModel(clock, seed=1, median_seconds=5.0)
    request = ModelRequest(prompt="bench.note", instructions="", data={"input": {"text": "a line"}}, output={},
                           task_id="a task", agent_id="ada", cost_micros_max=1)  # fmt: skip
    await asyncio.gather(*(model.complete(request) for _ in range(3)))
    assert (model.asked.inside, model.asked.inside_max) == (0, 3)
    BenchMeter(model).forget()
    assert model.asked.share(1) == 0.0


def test_messages_are_counted_between_two_moments() -> None:
    before = tiers.Seen(at=10.0, slices=5, top=100, over=20, calls={"xadd": 9, "publish": 4})
    after = tiers.Seen(at=20.0, slices=25, top=300, over=120, calls={"xadd": 59, "publish": 24, "set": 1})
    assert tiers.counted(before, after) == {
        "tasks": 100, "orchestrator_per_second": 20.0, "orchestrator_per_task": 2.0, "manager_per_task": 0.2,
        "worker_per_task": 0.3, "words_per_second": 2.0,
    }  # fmt: skip


@pytest.mark.parametrize(("per_second", "tasks", "held"), [(100.0, 1, True), (100.1, 1, False), (1.0, 0, False)])
def test_a_loud_orchestrator_or_an_idle_swarm_does_not_hold(per_second: float, tasks: int, held: bool) -> None:
    assert tiers.holds({"orchestrator_per_second_max": per_second, "points": [{"tasks": tasks}]}) is held


@pytest.mark.parametrize(
    ("share", "idle_bytes", "missed"),
    [(0.9, 4_999, []), (0.899, 1_000, ["share"]), (1.0, 5_000, ["idle"])],
)
def test_growth_says_which_limits_were_not_kept(share: float, idle_bytes: int, missed: list[str]) -> None:
    assert growth.missed({"share": share, "idle": {"bytes": idle_bytes}}) == missed


class NarrowEntrance:
    """Lets in five at a knock."""

    def __init__(self) -> None:
        self.waiting, self.accepted = 0, 0

    def bring(self, number: int) -> None:
        self.waiting += 1

    def knock(self) -> None:
        let_in = min(5, self.waiting)
        self.waiting, self.accepted = self.waiting - let_in, self.accepted + let_in

    async def emptied(self) -> None:
        while self.waiting:
            self.knock()


def campaigns_of(many: int) -> list[Campaign]:
    fresh = SystemIds()
    return [settled_in(agent_of(number, fresh), fresh, SystemClock())[1] for number in range(many)]


async def test_measured_is_from_when_everybody_is_busy() -> None:
    feeder, meter = Feeder(NarrowEntrance(), campaigns_of(3), seed=1), BenchMeter(SlowModel(SystemClock(), seed=1))
    await feeder.fill(meter, backlog=400, piece_seconds=0.01, until=time.monotonic() + 30)
    assert feeder.accepted >= 380


async def test_what_is_never_filled_is_measured_all_the_same() -> None:
    feeder, meter = Feeder(NarrowEntrance(), campaigns_of(3), seed=1), BenchMeter(SlowModel(SystemClock(), seed=1))
    await feeder.fill(meter, backlog=10**9, piece_seconds=0.01, until=time.monotonic() + 0.05)
    assert feeder.accepted < 10**6


def test_no_two_lines_are_alike() -> None:
    lines = Lines(seed=1)
    said = [lines.next() for _ in range(10_000)]
    assert len(set(said)) == len(said)
    assert {9 <= len(line.split()) <= 24 for line in said} == {True}
