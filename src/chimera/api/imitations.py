"""The task of a decoy, which there is none of: that of the review it imitates, in the decoy's own words.

A decoy is known by nothing but whether it is right: also not by a page that leads nowhere, nor by a list in which it
is missing. What happened to the task that it imitates after a person was asked is not told.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from chimera.api.history import EventLine
from chimera.domain.attempt import Attempt, attempt_id, in_turn
from chimera.domain.draft import Call
from chimera.domain.event import Event, EventKind
from chimera.domain.review import Review
from chimera.domain.task import Task, TaskCommand
from chimera.governance.decoys import Decoys, Planted
from chimera.ports.store import Reads
from chimera.swarm.recording import drafting_of, escalation_of

# What a task has on record before anybody is asked about it.
BEFORE = frozenset(
    {EventKind.PLAN_ADOPTED, EventKind.INPUT_ADMITTED, EventKind.DRAFT_JUDGED, EventKind.VARIANTS_CHOSEN}
)


class Imitation(Struct, frozen=True, kw_only=True):
    """What is shown of a decoy's task. `like` is the task that it imitates, `later_us` how much later it seems."""

    task: Task
    attempts: tuple[Attempt, ...]
    review: Review
    like: str
    planted_at_us: int
    later_us: int

    def told_anew(self, line: EventLine) -> EventLine | None:
        """What happened to the task that it imitates, as if it had happened to this one; nothing of what came later."""
        own = line.subject == self.like
        last = own and line.kind == EventKind.DRAFT_JUDGED and line.at_us + self.later_us == self.review.opened_at_us
        # The last draft is told by the decoy's own beginning.
        if line.kind not in BEFORE or line.at_us > self.planted_at_us or last:
            return None
        said = msgspec.json.encode(line.data).replace(self.like.encode(), self.task.id.encode())
        return replace(line, subject=self.task.id if own else line.subject, data=msgspec.json.decode(said),
                       at_us=line.at_us + (self.later_us if own else 0))  # fmt: skip


async def told_instead(reads: Reads, event: Event) -> Event | None:
    """What is told of a decoy's beginning: what a real review begins with. Any other event is told as it is."""
    if event.kind is not EventKind.DECOY_PLANTED:
        return event
    review = await reads.find(Review, event.subject)
    if review is None or event.data.get("told_as") != EventKind.DRAFT_JUDGED:
        return escalation_of(review) if review else None
    life = await imitated(reads, review, like=event.data["like"], planted_at_us=event.at_us)
    return drafting_of(life.attempts[-1]) if life else None


async def imitated(reads: Reads, review: Review, *, like: str, planted_at_us: int) -> Imitation | None:
    """What a planted review seems to belong to; None where nothing of what it is like is left."""
    found = in_turn(await reads.list(Attempt, scope=like)) if like else ()
    before = [one for one in found if one.at_us <= planted_at_us]
    if not before:
        return None
    later_us = review.opened_at_us - before[-1].at_us
    attempts = tuple([_as_its_own(one, review, later_us) for one in before])
    held = attempts[-1].assignment.task.after(TaskCommand.ESCALATE)
    return Imitation(task=held, attempts=attempts, review=review, like=like, planted_at_us=planted_at_us,
                     later_us=later_us)  # fmt: skip


class Imitations:
    """Looks for what a decoy is like. Nothing of it is stored, and nothing could be granted for it."""

    def __init__(self, *, reads: Reads, decoys: Decoys) -> None:
        self._reads = reads
        self._decoys = decoys

    async def of_task(self, task_id: str) -> Imitation | None:
        """For a decoy's task; None for any other."""
        planted = await self._decoys.of_task(task_id)
        return await self._made(planted) if planted else None

    async def waiting(self) -> tuple[Task, ...]:
        """The tasks of all decoys that nobody has ruled on, by id."""
        made = [await self._made(planted) for planted in await self._decoys.waiting()]
        return tuple(sorted((one.task for one in made if one), key=lambda task: task.id))

    async def _made(self, planted: Planted) -> Imitation | None:
        decoy = planted.decoy
        return await imitated(self._reads, planted.review, like=decoy.like_task, planted_at_us=decoy.planted_at_us)


def _as_its_own(attempt: Attempt, review: Review, later_us: int) -> Attempt:
    """An attempt of the task that is imitated, as one of the decoy's task."""
    task = replace(attempt.assignment.task, id=review.task_id, due_at_us=attempt.assignment.task.due_at_us + later_us)
    return told_anew(replace(attempt, id=attempt_id(task), at_us=attempt.at_us + later_us), task, review)


def told_anew(attempt: Attempt, task: Task, review: Review) -> Attempt:
    """The attempt with the decoy's words wherever those of its model stood."""
    said = attempt.draft.action.arguments if attempt.draft.action else {}
    action = review.question.action
    output = {name: action.arguments.get(name, value) for name, value in attempt.draft.output.items()}
    return replace(
        attempt,
        assignment=replace(attempt.assignment, task=task),
        draft=replace(attempt.draft, output=output, action=action),
        question=review.question,
        calls=tuple([_answered_anew(call, said, action.arguments) for call in attempt.calls]),
    )


def _answered_anew(call: Call, said: dict[str, Any], instead: dict[str, Any]) -> Call:
    answer = call.answer
    for name, old in said.items():
        new = instead.get(name)
        if isinstance(old, str) and isinstance(new, str) and old:
            answer = answer.replace(json.dumps(old)[1:-1], json.dumps(new)[1:-1])
            answer = answer.replace(
                json.dumps(old, ensure_ascii=False)[1:-1], json.dumps(new, ensure_ascii=False)[1:-1]
            )
    return replace(call, answer=answer)
