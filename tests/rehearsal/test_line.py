"""Everything that can go wrong on the way goes wrong on demand, from the seed, and on schedule."""

from __future__ import annotations

from collections import Counter

import pytest
from msgspec import structs

from chimera.ports.network import Accepted, Act, Declined, Silence
from chimera.rehearsal.line import Fault, Line
from chimera.rehearsal.network import Network
from chimera.rehearsal.scenario import FaultRates, Outage, Rules, Scenario
from chimera.testing.manual_clock import ManualClock
from tests.rehearsal.worlds import QUIET, US

pytestmark = pytest.mark.requirement("R-N5")
RATES = FaultRates(unavailable_bp=500, rate_limited_bp=500, reply_lost_bp=500, request_lost_bp=500, late_bp=500,
                   slow_bp=500)  # fmt: skip
TROUBLED = structs.replace(QUIET, faults=RATES, rules=Rules(posts_per_hour_max=10_000))


def opened(scenario: Scenario) -> tuple[Line, Network, ManualClock]:
    network, clock = Network(scenario), ManualClock()
    return Line(network, clock), network, clock


def act(key: str) -> Act:
    return Act(kind="post.publish", platform="sandbox", account=US, key=key, arguments={"text": f"hello {key}"})


@pytest.mark.parametrize(
    ("fault", "answer", "done"),
    [
        (Fault.NONE, Accepted, 1), (Fault.UNAVAILABLE, Declined, 0), (Fault.RATE_LIMITED, Declined, 0),
        (Fault.REPLY_LOST, Silence, 1), (Fault.REQUEST_LOST, Silence, 0), (Fault.LATE, Silence, 0),
        (Fault.SLOW, Accepted, 1),
    ],
)  # fmt: skip
async def test_each_fault_on_demand(fault: Fault, answer: type, done: int) -> None:
    line, network, _ = opened(QUIET)
    line.demand(fault)
    assert isinstance(await line.act(act("k1")), answer)
    assert len(network.records()) == done
    assert line.faults == {fault: 1}
    assert isinstance(await line.act(act("k2")), Accepted)


async def test_what_is_slow_takes_its_time() -> None:
    line, _, clock = opened(QUIET)
    before = clock.now_us()
    line.demand(Fault.SLOW)
    await line.act(act("k1"))
    assert clock.now_us() - before == QUIET.faults.slow_seconds * 1_000_000


async def test_faults_come_at_their_rates_whatever_the_order_of_the_calls() -> None:
    drawn: list[dict[str, Fault]] = []
    for order in (range(2_000), reversed(range(2_000))):
        line, _, _ = opened(TROUBLED)
        met: dict[str, Fault] = {}
        for number in order:
            before = Counter(line.faults)
            await line.act(act(f"k{number}"))
            (met[f"k{number}"],) = line.faults - before
        drawn.append(met)
    assert drawn[0] == drawn[1]
    counts = Counter(drawn[0].values())
    assert all(60 <= counts[fault] <= 140 for fault in Fault if fault is not Fault.NONE), counts


async def test_the_same_key_does_not_meet_the_same_fault_for_ever() -> None:
    line, network, clock = opened(TROUBLED)
    for number in range(200):
        for _ in range(8):
            await line.act(act(f"k{number}"))
    clock.advance(60)
    network.settle(clock.now_us())
    assert len(network.records()) == 200


async def test_an_outage_begins_and_ends_on_schedule() -> None:
    line, network, clock = opened(structs.replace(QUIET, outages=(Outage(from_seconds=5, to_seconds=8),)))
    answers: list[str] = []
    for second in range(10):
        answers.append(type(await line.act(act(f"k{second}"))).__name__[0])
        assert isinstance(line.read(), Declined) == (5 <= second < 8)
        clock.advance(1)
    assert "".join(answers) == "AAAAADDDAA"
    assert len(network.records()) == 7
