"""Runs a recorded attempt again: the same choice, bytes, verdict and reasons from what was recorded, or what differs.

Asks no model and no tool, and writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from chimera.domain.attempt import Attempt
from chimera.domain.draft import Call
from chimera.domain.errors import Unavailable
from chimera.domain.prompt import Prompt
from chimera.governance.calls import TRY, digest_of_tool
from chimera.governance.confidences import TELLS_OTHERS
from chimera.governance.contracts import Contracts
from chimera.governance.gate import Gate
from chimera.learning.choices import choice_of
from chimera.pipeline.judge import Judge
from chimera.pipeline.worker import Worker
from chimera.ports.clock import Clock
from chimera.ports.model import ModelAnswer, ModelRequest
from chimera.ports.tools_read import ToolAnswer
from chimera.skills.desk import Skill
from chimera.swarm.provenance import labelled

SHOWN_MAX = 200


class Difference(msgspec.Struct, frozen=True):
    """The first place where the replay differs from the record."""

    stage: str
    where: str
    recorded: str
    replayed: str


class RecordedAnswers:
    """Answers from the record, in their order, to the very requests that were recorded. A port for models and tools."""

    def __init__(self, calls: Sequence[Call]) -> None:
        # What a model failed at before another answered is on record, and not to be asked again.
        self._left = [call for call in calls if call.kind != TRY]

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """The recorded answer of a model."""
        call = self._next("model", request.digest)
        return ModelAnswer(text=call.answer, model=call.name, cost_micros=call.cost_micros)

    async def call(self, tool: str, arguments: dict[str, Any], *, agent_id: str) -> ToolAnswer:
        """The recorded answer of a read tool."""
        call = self._next("tool", digest_of_tool(tool, arguments))
        return msgspec.json.decode(call.answer, type=ToolAnswer)

    def _next(self, kind: str, digest: str) -> Call:
        if not self._left:
            raise Unavailable(
                "replay_asks_more",
                "the replay asks more than was recorded",
                where=kind,
                remedy="the code has changed: that is the difference",
            )
        call = self._left[0]
        if (call.kind, call.request_digest) != (kind, digest):
            raise Unavailable(
                "replay_asks_otherwise",
                f"the replay asks otherwise than was recorded for {call.name}",
                where=kind,
                remedy="the code has changed: that is the difference",
            )
        return self._left.pop(0)


class Replay:
    """Worker, judge and gate as they are now, with the answers as they were then."""

    def __init__(self, *, contracts: Contracts, gate: Gate, skills: Mapping[str, Skill],
                 prompts: Mapping[str, Prompt], clock: Clock) -> None:  # fmt: skip
        self._contracts = contracts
        self._gate = gate
        self._skills = skills
        self._prompts = prompts
        self._clock = clock

    async def run(self, attempt: Attempt) -> Difference | None:
        """The first difference, or None."""
        return _choice(attempt) or await self._draft(attempt) or await self._verdict(attempt) or self._ruling(attempt)

    async def _draft(self, attempt: Attempt) -> Difference | None:
        answers = RecordedAnswers(attempt.calls)
        worker = Worker(model=answers, tools=answers, skills=self._skills, prompts=self._prompts,
                        contracts=self._contracts, clock=self._clock,
                        chooses=any(call.name == "preferred" for call in attempt.calls))  # fmt: skip
        result = await worker.work(attempt.assignment)
        if result.draft is None:
            return Difference("draft", "draft", "a draft", result.failure[:SHOWN_MAX])
        return difference("draft", attempt.draft, labelled(result.draft, attempt.assignment))

    async def _verdict(self, attempt: Attempt) -> Difference | None:
        judge = Judge(model=RecordedAnswers(attempt.judge_calls), contracts=self._contracts,
                      prompt=self._prompts["judge"])  # fmt: skip
        try:
            judgement = await judge.assess(attempt.assignment, attempt.draft)
        except Unavailable as error:
            if TELLS_OTHERS in attempt.verdict.findings:
                return None  # What other personas keep was the manager's to know, and is on record as its own finding.
            return Difference("verdict", "calls", "the recorded calls", error.message)
        return difference("verdict", attempt.verdict, judgement.verdict)

    def _ruling(self, attempt: Attempt) -> Difference | None:
        """What the database refused was not the gate's to know, and is on record as its own reason."""
        if attempt.question is None or attempt.ruling is None:
            return None
        replayed = self._gate.decide(attempt.question)
        reasons = attempt.ruling.decision.reasons
        if any(reason.rule == "over_budget" for reason in reasons):
            return None
        return difference("ruling", attempt.ruling, replayed)


def _choice(attempt: Attempt) -> Difference | None:
    """What the bandit chose for it, from what it believed then."""
    choice = attempt.assignment.task.choice
    return difference("choice", choice, choice_of(choice.beliefs, seed=choice.seed)) if choice else None


def difference(stage: str, recorded: object, replayed: object) -> Difference | None:
    """The first field in which two values differ, by its path."""
    left, right = msgspec.to_builtins(recorded), msgspec.to_builtins(replayed)
    found = _first_difference(left, right, stage)
    return Difference(stage, *found) if found else None


def _first_difference(left: object, right: object, where: str) -> tuple[str, str, str] | None:
    if left == right:
        return None
    if isinstance(left, dict) and isinstance(right, dict):
        one, other = cast("dict[str, object]", left), cast("dict[str, object]", right)
        found = (_first_difference(one.get(key), other.get(key), f"{where}.{key}") for key in sorted({*one, *other}))
        return next(differing for differing in found if differing)
    return where, _shown(cast("object", left)), _shown(right)


def _shown(value: object) -> str:
    return repr(value)[:SHOWN_MAX]
