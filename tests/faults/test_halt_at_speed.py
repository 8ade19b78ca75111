"""A whole fleet at the highest rate that this machine reaches, and then the halt: nothing begins in the second after.

Judged by the times on record, not by a clock of the test: each event says when what it tells of began.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from chimera import bootstrap
from chimera.bench.feeding import FedHouse, Load, fed_house
from chimera.bench.load import Lines
from chimera.cli.story import every_event
from chimera.domain import scopes
from chimera.domain.durations import SECOND_US
from chimera.domain.errors import Refused
from chimera.domain.event import Event, EventKind
from chimera.domain.labels import PUBLIC
from chimera.pipeline.intake import Arrival
from chimera.ports.store import Reads
from chimera.settings import read_settings
from tests.small_house import OTTO

pytestmark = [pytest.mark.faults, pytest.mark.requirement("R-N4")]
AGENTS = 200
RUNS_SECONDS = 5.0
HALTED_SECONDS = 4.0
LOOKS_SECONDS = 0.05
AT_ONCE_MAX = 48
DEEDS_MIN = 50
BEGINNINGS_MIN = 100
WARM_SECONDS_MAX = 180.0
# On a busy machine grants come in bursts, and the halt itself waits for its turn: what was at work is looked for in
# these seconds before it. What may begin after it is not wider by that.
LATELY_US, BEFORE_US = 2 * SECOND_US, 5 * SECOND_US
# A seal is none: the grant was there before it, and effects looks at the halt once more.
BEGINNINGS = (
    EventKind.INPUT_ADMITTED, EventKind.PLAN_ADOPTED, EventKind.ACTION_GRANTED, EventKind.EFFECT_STARTED,
    EventKind.EFFECT_RESENT,
)  # fmt: skip


class Watch:
    """Reads history as it grows: what began lately."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._read: dict[str, int] = {}
        self._begun: deque[Event] = deque()

    async def lately(self) -> Counter[str]:
        """What began within the last two seconds, by the database's clock."""
        for head in await self._reads.heads():
            while page := await self._reads.links(head.writer, after_seq=self._read.get(head.writer, 0)):
                self._read[head.writer] = page[-1].seq
                events = (msgspec.json.decode(link.body, type=Event) for link in page)
                self._begun.extend(event for event in events if event.kind in BEGINNINGS)
        since_us = await self._reads.now_us() - LATELY_US
        self._begun = deque(event for event in self._begun if event.at_us > since_us)
        return Counter(str(event.kind) for event in self._begun)

    async def is_full(self) -> bool:
        """Whether now is the moment for a halt: much begins, and grants are among it."""
        begun = await self.lately()
        return begun.total() > BEGINNINGS_MIN and begun[EventKind.ACTION_GRANTED] > 0


class Crowd:
    """Brings arrivals as fast as they are taken, halt or not. Counts what was refused for the halt."""

    def __init__(self, house: FedHouse) -> None:
        self._fleet, self._campaigns, self._occupancy = house.fleet, house.campaigns, house.meter.occupancy
        self._dice, self._lines = random.Random(7), Lines(seed=7)
        self.refused: Counter[str] = Counter()

    async def push(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE_MAX):
                group.create_task(self._one_after_another())

    async def _one_after_another(self) -> None:
        while True:
            campaign = self._dice.choice(self._campaigns)
            arrival = Arrival(
                campaign_id=campaign.id, agent_id=campaign.agent_id, kind=self._dice.choice(("bench", "bench_post")),
                payload={"text": self._lines.next()}, labels=(PUBLIC,),
            )  # fmt: skip
            # As whoever feeds a measured house does: its meter notes when it has left.
            self._occupancy.entered(campaign.id)
            try:
                await self._fleet.intake.accept(arrival)
            except Refused as refusal:
                self._occupancy.left(campaign.id)
                self.refused[refusal.code] += 1
                await asyncio.sleep(0)
            self._fleet.manager.arrived.ring()


@pytest.mark.timeout(300)
async def test_nothing_begins_in_the_second_after_the_halt(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    settings = msgspec.structs.replace(read_settings(), home=str(tmp_path / "home"))
    load = Load(agents=AGENTS, seconds=RUNS_SECONDS)
    async with bootstrap.database(settings) as found:
        async with fed_house(settings, load, found=found) as house:
            network = house.built.network
            crowd = Crowd(house)
            pushing = asyncio.create_task(crowd.push())
            reads = await found.reads()
            watch, gives_up = Watch(reads), time.monotonic() + WARM_SECONDS_MAX
            while len(network.records()) < DEEDS_MIN or not await watch.is_full():
                assert time.monotonic() < gives_up, (len(network.records()), await watch.lately())
                await _while(pushing, LOOKS_SECONDS)
            halt = await house.fleet.halts.halt(scopes.FLEET, by=OTTO, reason="enough")
            deeds_then = len(network.records())
            await _while(pushing, HALTED_SECONDS)
            pushing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await pushing
        events = [event async for _, event in every_event(reads)]
        await reads.close()
    _require_still(events, halted_us=halt.since_us, record_property=record_property)
    begun = sum(event.kind is EventKind.EFFECT_STARTED for event in events)
    assert DEEDS_MIN <= deeds_then <= len(network.records()) <= begun
    record_property("deeds at the halt and at the end", (deeds_then, len(network.records())))
    assert crowd.refused["halted"] > 0, "they went on trying"


async def _while(pushing: asyncio.Task[None], seconds: float) -> None:
    await asyncio.wait([pushing], timeout=seconds)
    assert not pushing.done(), pushing.exception()


def _require_still(events: list[Event], *, halted_us: int, record_property: Callable[[str, object], None]) -> None:
    def begun(since_us: int, until_us: int) -> Counter[str]:
        return Counter(str(event.kind) for event in events if since_us < event.at_us <= until_us
                       and event.kind in BEGINNINGS)  # fmt: skip

    before = begun(halted_us - BEFORE_US, halted_us)
    within = begun(halted_us, halted_us + SECOND_US)
    assert before.total() > BEGINNINGS_MIN, f"it was at work: {before}"
    assert before[EventKind.ACTION_GRANTED], f"grants among it: {before}"
    assert begun(halted_us + SECOND_US, time.time_ns()) == {}, "what begins later than a second after the halt"
    record_property("began in the five seconds before and in the one after", (before, within))
