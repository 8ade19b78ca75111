"""What it takes to decide about a draft: judge, gate, treasury and the contracts. Nothing in it can act."""

from __future__ import annotations

from msgspec import Struct

from chimera.domain.task import Task
from chimera.governance.contracts import Contracts
from chimera.governance.gate import Gate
from chimera.governance.treasury import Treasury
from chimera.pipeline.judge import Judge
from chimera.ports.clock import Clock
from chimera.ports.meter import Meter, NoMeter
from chimera.swarm.hearing import Occasion


class Stopwatch:
    """Used with `with`. A class and no generator: it runs several times for every decision."""

    __slots__ = ("_clock", "_meter", "_since_us", "_stage")

    def __init__(self, stage: str, clock: Clock, meter: Meter) -> None:
        self._stage, self._clock, self._meter = stage, clock, meter
        self._since_us = clock.now_us()

    def __enter__(self) -> None:
        return

    def __exit__(self, *_: object) -> None:
        self._meter.took(self._stage, self._clock.now_us() - self._since_us)


class Court(Struct, frozen=True, kw_only=True):
    """The parts of a decision, with the clock that dates it."""

    judge: Judge
    gate: Gate
    treasury: Treasury
    contracts: Contracts
    clock: Clock
    meter: Meter = NoMeter()

    def timed(self, stage: str) -> Stopwatch:
        """Measures how long a stage takes."""
        return Stopwatch(stage, self.clock, self.meter)

    def occasion(self, task: Task) -> Occasion:
        """Now, and the windows that the task's costs fall into now."""
        now_us = self.clock.now_us()
        return Occasion(
            at_us=now_us,
            windows=self.treasury.windows_for(agent_id=task.agent_id, campaign_id=task.campaign_id, at_us=now_us),
        )
