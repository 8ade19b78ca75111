"""What it takes to decide about a draft: judge, gate, treasury and the contracts. Nothing in it can act."""

from __future__ import annotations

import contextlib
from collections.abc import Generator

from msgspec import Struct

from chimera.domain.task import Task
from chimera.governance.contracts import Contracts
from chimera.governance.gate import Gate
from chimera.governance.treasury import Treasury
from chimera.pipeline.judge import Judge
from chimera.ports.clock import Clock
from chimera.ports.meter import Meter, NoMeter
from chimera.swarm.hearing import Occasion


class Court(Struct, frozen=True, kw_only=True):
    """The parts of a decision, with the clock that dates it."""

    judge: Judge
    gate: Gate
    treasury: Treasury
    contracts: Contracts
    clock: Clock
    meter: Meter = NoMeter()

    @contextlib.contextmanager
    def timed(self, stage: str) -> Generator[None]:
        """Measures how long a stage took."""
        since_us = self.clock.now_us()
        yield
        self.meter.took(stage, self.clock.now_us() - since_us)

    def occasion(self, task: Task) -> Occasion:
        """Now, and the windows that the task's costs fall into now."""
        now_us = self.clock.now_us()
        return Occasion(
            at_us=now_us,
            windows=self.treasury.windows_for(agent_id=task.agent_id, campaign_id=task.campaign_id, at_us=now_us),
        )
