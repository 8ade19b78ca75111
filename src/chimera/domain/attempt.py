"""The record of one attempt at a task: recorded answers in; the same bytes, verdict and reasons out."""

from __future__ import annotations

from collections.abc import Iterable

from chimera.domain import ids
from chimera.domain.decision import Question, Ruling
from chimera.domain.draft import Call, Draft, Verdict
from chimera.domain.record import Record
from chimera.domain.task import Task
from chimera.domain.work import Assignment


def attempt_id(task: Task) -> str:
    """The id of the attempt that is made under a task's lease."""
    return attempt_id_at(task.id, task.version)


def attempt_id_at(task_id: str, version: int) -> str:
    """The id of the attempt under the lease that this version of the task was."""
    return ids.derive(task_id, "attempt", str(version))


class Attempt(Record, frozen=True, kw_only=True):
    """Everything that went into one draft, its verdict and the gate's answer."""

    assignment: Assignment
    draft: Draft
    verdict: Verdict
    calls: tuple[Call, ...] = ()
    judge_calls: tuple[Call, ...] = ()
    question: Question | None = None
    ruling: Ruling | None = None
    at_us: int = 0

    @property
    def scope(self) -> str:
        return self.assignment.task.id


def in_turn(attempts: Iterable[Attempt]) -> tuple[Attempt, ...]:
    """As they were made. Their ids are hashes, so a list by id is in no order of time."""
    return tuple(sorted(attempts, key=lambda attempt: attempt.assignment.task.version))


def latest(attempts: Iterable[Attempt]) -> Attempt | None:
    """The last that was made, if any."""
    return max(attempts, key=lambda attempt: attempt.assignment.task.version, default=None)
