"""The phases of the swarm benchmark, one after another. In between, all that was accepted comes to its end."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Generator, Mapping
from typing import Any

from msgspec import Struct, field

from chimera.bench import processor
from chimera.bench.feeding import Feeder, Load
from chimera.bench.load import BenchMeter
from chimera.bench.observed import Statements
from chimera.bench.spread import spread_ms

WARM_UP_SECONDS = 3.0
PACED_PER_SECOND_MAX = 1_000
PACED_SHARE = 0.6
FILLING_SECONDS_MAX = 60.0
DRAIN_SECONDS_MAX = 120.0


class Phase(Struct, kw_only=True):
    """Where the counts stood when it began, and what was seen while it lasted."""

    since: float
    worked: Counter[str]
    accepted: int
    decided: int
    settled: int
    figures: dict[str, Any] = field(default_factory=dict)


class Phases:
    """Feeds and measures. What it says of agents and models is a share of all of them, over the whole phase."""

    def __init__(
        self, *, feeder: Feeder, meter: BenchMeter, statements: Statements, load: Load, pids: Mapping[str, int]
    ) -> None:
        self._pids = pids
        self._feeder = feeder
        self._meter = meter
        self._statements = statements
        self._load = load

    async def saturated_and_paced(self) -> dict[str, Any]:
        """As many as it takes to keep everybody busy; then at a rate, whether or not anybody keeps up."""
        full = await self.saturated()
        carried = min(PACED_PER_SECOND_MAX, PACED_SHARE * full["governed_per_second"])
        asked = self._load.paced_per_second or max(1.0, carried)
        paced = await self.paced(asked)
        of_paced = {name: paced[name] for name in ("decision_ms", "governance_ms", "queries_ms")}
        return {**full, "paced_per_second": round(asked), **of_paced, "phases": {"saturated": full, "paced": paced}}

    async def saturated(self) -> dict[str, Any]:
        """Twice as much under way as there are agents. Measured once there is: letting that in is no part of it."""
        feeder, meter, backlog = self._feeder, self._meter, 2 * self._load.agents
        gives_up = time.monotonic() + FILLING_SECONDS_MAX
        await feeder.fill(meter, backlog=backlog, piece_seconds=WARM_UP_SECONDS, until=gives_up)
        with self._phase() as phase:
            await feeder.saturate(meter, backlog=backlog, until=phase.since + self._load.seconds)
        return await self._ended(phase)

    async def paced(self, per_second: float) -> dict[str, Any]:
        """Poisson arrivals, for half as long."""
        with self._phase() as phase:
            await self._feeder.pace(self._meter, per_second=per_second, until=phase.since + self._load.seconds / 2)
        return await self._ended(phase)

    async def inside(self) -> dict[str, Any]:
        """Every agent inside a task at once. Measured from when they wait for models, or will not any more."""
        meter, agents, begins = self._meter, self._load.agents, time.monotonic() + FILLING_SECONDS_MAX
        feeding = asyncio.create_task(self._feeder.keep_inside(meter, until=begins + self._load.seconds))
        while meter.model.asked.inside < 0.95 * agents and time.monotonic() < begins and not feeding.done():  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        with self._phase() as phase:
            await asyncio.sleep(self._load.seconds)
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
        figures = await self._ended(phase)
        return {**figures, "in_flight_max": meter.model.asked.inside_max, "phases": {"inside": figures}}

    @contextlib.contextmanager
    def _phase(self) -> Generator[Phase]:
        meter = self._meter
        meter.forget()
        self._statements.forget()
        phase = Phase(since=time.monotonic(), worked=processor.seconds(self._pids), accepted=self._feeder.accepted,
                      decided=meter.decided_count, settled=meter.settled_count)  # fmt: skip
        yield phase
        phase.figures = self._figures(phase)

    def _figures(self, phase: Phase) -> dict[str, Any]:
        meter, agents, seconds = self._meter, self._load.agents, time.monotonic() - phase.since
        decided = meter.decided_count - phase.decided
        worked = processor.seconds(self._pids) - phase.worked
        return {
            "governed_per_second": round(decided / seconds),
            "decision_ms": spread_ms(meter.decision_us),
            "governance_ms": spread_ms(meter.governance_us),
            "utilisation": round(meter.occupancy.share(agents), 3),
            "models_busy": round(meter.model.asked.share(agents), 3),
            "stages_us": {stage: round(sum(took) / len(took)) for stage, took in sorted(meter.stages.items())},
            "cpu_us_per_decision": processor.us_each(worked, decided),
            "queries_ms": self._statements.queries_ms(),
        }

    async def _ended(self, phase: Phase) -> dict[str, Any]:
        """With how much of what was under way or came in was brought to its end."""
        gives_up = time.monotonic() + DRAIN_SECONDS_MAX
        # A meter has no bell.
        while self._meter.settled_count < self._feeder.accepted and time.monotonic() < gives_up:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        ended, due = self._meter.settled_count - phase.settled, self._feeder.accepted - phase.settled
        return {**phase.figures, "accepted": self._feeder.accepted - phase.accepted,
                "completion": round(ended / max(1, due), 4)}  # fmt: skip
