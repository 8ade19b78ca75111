"""Assignments, results and verdicts for attacks on single stages, and a model that says what a test wants."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from chimera.domain.action import Action
from chimera.domain.agent import Agent
from chimera.domain.draft import Draft, Judgement, Verdict
from chimera.domain.errors import ChimeraError
from chimera.domain.task import Task
from chimera.domain.work import Assignment, Material, Result
from chimera.ports.model import ModelAnswer, ModelRequest

ACCEPTED = msgspec.json.encode({"accepted": True, "confidence_bp": 9_500}).decode()


class SayingModel:
    """Implements `ports.model.Model`: gives its answers in turn, the last one for ever; an error is raised."""

    def __init__(self, *answers: str | ChimeraError, cost_micros: int = 500) -> None:
        self._answers = list(answers)
        self._cost_micros = cost_micros
        self.asked: list[ModelRequest] = []

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        self.asked.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, ChimeraError):
            raise answer
        return ModelAnswer(text=answer, model="saying/1", cost_micros=self._cost_micros)


def envelope(output: dict[str, object], *, confidence_bp: int = 9_500) -> str:
    return msgspec.json.encode({"output": output, "confidence_bp": confidence_bp}).decode()


def assign(task: Task, agent: Agent, *, materials: Sequence[Material] = ()) -> Assignment:
    return Assignment(
        task=task, persona=agent.persona, account=agent.accounts[0].handle, permissions=agent.permissions,
        platform=agent.accounts[0].platform, materials=tuple(materials),
    )  # fmt: skip


def draft(text: str, *, action: Action | None = None, labels: tuple[str, ...] = ("operator",)) -> Draft:
    output = {"text": text, "sources": []}
    return Draft(output=output, confidence_bp=9_500, labels=labels, action=action)


def result(task: Task, made: Draft | None = None, *, failure: str = "") -> Result:
    return Result(task_id=task.id, task_version=task.version, draft=made, failure=failure)


def judgement(*, accepted: bool = True, confidence_bp: int = 9_500) -> Judgement:
    return Judgement(verdict=Verdict(accepted=accepted, confidence_bp=confidence_bp))
