"""What it takes to decide about a draft: judge, gate, treasury and the contracts. Nothing in it can act."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from chimera.domain.costing import Fees
from chimera.domain.decision import Allow, Question, Ruling
from chimera.domain.task import Task
from chimera.governance import quotas
from chimera.governance.cfo import CFOAgent
from chimera.governance.contracts import Contracts
from chimera.governance.gate import Gate
from chimera.governance.safety.relations import Manifests, NoManifests, digests_of, vouched
from chimera.governance.tools.acts import ToolActs
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
    cfo: CFOAgent | None = None
    # Without a studio nobody vouches for media, and none go out.
    manifests: Manifests = NoManifests()
    # Whether models are paid for: then money is set aside before they are asked.
    models_cost: bool = False
    # What networks take for what is published there.
    fees: Fees = Fees({})
    # Without a book of pins nobody knows what a tool server's tools do, and none of them is called.
    tool_acts: ToolActs | None = None
    # Whether a draft that only needs other words goes back to its writer before a person is asked (ADR-124).
    writes_anew: bool = True

    async def appraised(self, question: Question) -> Question:
        """The question with the CFO's word, where it is about a payment. Without a CFO there is none: that is a no."""
        action = question.action
        if self.cfo is None or not self.gate.is_spending(action):
            return question
        appraisal = await self.cfo.appraise_action(
            action, agent_id=question.agent_id, campaign_id=question.campaign_id, labels=question.labels,
            shaped=bool(question.shaped),
        )  # fmt: skip
        return msgspec.structs.replace(question, appraisal=appraisal)

    async def exactly(self, question: Question) -> Question:
        """The question about the very call that would be made, where it is about a tool of a tool server."""
        return question if self.tool_acts is None else await self.tool_acts.proposed(question)

    async def looked_at(self, question: Question) -> Question:
        """The question with what stands against such a call today, its bytes as they were shown."""
        return question if self.tool_acts is None else await self.tool_acts.looked_at(question)

    async def vouching(self, question: Question) -> Question:
        """The question with those of its media that carry a verified manifest now."""
        if digests := digests_of(question.action):
            await self.manifests.learn(digests)
        found = vouched(question.action, self.manifests)
        return question if found == question.vouched else msgspec.structs.replace(question, vouched=found)

    def note(self, question: Question, ruling: Ruling) -> None:
        """What the CFO let through and was not granted after all no longer counts against a limit."""
        if not isinstance(ruling.decision, Allow):
            self.forget(question)

    def forget(self, question: Question) -> None:
        """The CFO no longer counts a payment that is not made now."""
        if self.cfo is not None and question.appraisal is not None:
            self.cfo.forget(question.appraisal.payment)

    def counted(self, occasion: Occasion, question: Question, *, known: frozenset[str]) -> Occasion:
        """The occasion with the quotas that the act in question takes one of."""
        counted = quotas.counted_in(question, known=known, treasury=self.treasury, at_us=occasion.at_us)
        return msgspec.structs.replace(occasion, quotas=counted) if counted else occasion

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
