"""Why sound work of a rehearsal was held for a person or not completed: counted by the rules that were in its way."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from msgspec import Struct

from chimera.domain.review import Review
from chimera.domain.task import Task, TaskState

CAUSE_CHARS_MAX = 80
_RULE = re.compile(r"\[([a-z0-9_-]+)\]")
_VARYING = re.compile(r"'[^']*'|\"[^\"]*\"|\d+")


class Causes(Struct, frozen=True, kw_only=True):
    """How many sound tasks each cause held, and how many each kept from being completed."""

    held: Mapping[str, int]
    undone: Mapping[str, int]


def causes_of(sound: Iterable[Task], reviews: Iterable[Review]) -> Causes:
    """By the records alone: the reasons of the reviews, and what each task says of its own end."""
    of_review = {review.task_id: of(review.reasons) for review in reviews}
    tasks = tuple(sound)
    held = Counter(of_review[task.id] for task in tasks if task.id in of_review)
    undone = Counter(_undone(task, of_review) for task in tasks if task.state is not TaskState.DONE)
    return Causes(held=dict(held.most_common()), undone=dict(undone.most_common()))


def of(reasons: Iterable[str]) -> str:
    """The names of the rules that fired; of what names none, the words without what varies."""
    said = tuple(reasons)
    rules = sorted({rule for reason in said for rule in _RULE.findall(reason)})
    return " + ".join(rules) or _VARYING.sub("…", "; ".join(said))[:CAUSE_CHARS_MAX]


def _undone(task: Task, of_review: Mapping[str, str]) -> str:
    by_review = of_review.get(task.id, "")
    return f"{task.spec.name} {task.state}: {by_review or of((task.reason,))}"
