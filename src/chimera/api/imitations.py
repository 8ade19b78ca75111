"""The life of a decoy's task, which there is none of: that of the task it imitates, in the decoy's own words.

A decoy is known by nothing but whether it is right: also not by a page that leads nowhere. What happened to the task
that it imitates after a person was asked is not told.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from chimera.api import history
from chimera.domain import ids
from chimera.domain.attempt import Attempt
from chimera.domain.draft import Call
from chimera.domain.review import Review
from chimera.domain.task import Task, TaskState
from chimera.ports.views import Views

_BEFORE = frozenset({"PLAN_ADOPTED", "TASK_PLANNED", "INPUT_ADMITTED", "DRAFT_JUDGED"})


class Imitation(Struct, frozen=True, kw_only=True):
    """What stands on the page."""

    task: Task
    attempts: tuple[Attempt, ...]
    reviews: tuple[Review, ...]
    events: tuple[history.EventLine, ...]


async def imitation(
    views: Views, task_id: str, *, shown: Callable[[Review], Awaitable[str]], events_max: int
) -> Imitation | None:
    """For a decoy's task; None for any other that is not there. `shown` knows which task a review looks like."""
    reviews = await views.list(Review, scope=task_id)
    like = await views.find(Task, await shown(reviews[0])) if reviews else None
    if like is None:
        return None
    task = replace(like, id=task_id, state=TaskState.HELD, grant_id=None, reason="")
    attempts = await views.list(Attempt, scope=like.id)
    lines = await history.about(views, like.id, since_us=ids.at_us(like.id) - 1_000_000, limit=events_max)
    return Imitation(
        task=task,
        attempts=tuple([told_anew(one, task, reviews[0]) for one in attempts[-1:]]),
        reviews=reviews,
        events=tuple([_about(task, like, line) for line in lines if line.kind in _BEFORE]),
    )


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


def _about(task: Task, like: Task, line: history.EventLine) -> history.EventLine:
    return replace(line, subject=task.id if line.subject == like.id else line.subject)
