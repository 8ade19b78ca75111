"""Where a draft's words may have come from: computed from what its lease could read. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import to_builtins
from msgspec.structs import replace

from chimera.domain import canonical, labels
from chimera.domain.action import Action
from chimera.domain.draft import Draft
from chimera.domain.errors import Invalid
from chimera.domain.spec import Limits
from chimera.domain.task import Task
from chimera.domain.threat import ThreatLevel, highest
from chimera.domain.work import Assignment, Material, Result
from chimera.governance import taint, texts


def readable(assignment: Assignment) -> Iterator[Material]:
    """All that the lease could read: materials, memories, the task's own input, and what the agent said lately."""
    task = assignment.task
    yield from assignment.readable
    yield Material(name=taint.INPUT, content=task.input, labels=task.labels)
    yield Material(name=taint.OWN, content={"texts": list(assignment.recent)}, labels=assignment.recent_labels)


# The gateway lets nobody spend more than a task's type allows, but for what a provider counts otherwise than we do.
# Whoever is believed that it was far more would close everybody's windows.
COST_BEYOND_MICROS_MAX = 100_000


def require_recordable(result: Result, limits: Limits) -> None:
    """Refuse what a worker may not hand in at all: an action that has no bytes, or answers whose cost cannot be.

    An output has its contract; an action is bound by the bytes that it is hashed by.
    """
    if any(call.cost_micros < 0 for call in result.calls):
        raise Invalid(
            "cost_negative",
            "an answer costs less than nothing",
            where="result.calls",
            remedy="the task is tried again by itself",
        )
    most_micros = limits.cost_micros_max
    if result.cost_micros > most_micros + max(most_micros, COST_BEYOND_MICROS_MAX):
        raise Invalid(
            "cost_unbelievable",
            f"the answers cost {result.cost_micros} micros, {most_micros} are allowed",
            where="result.calls",
            remedy="the task is tried again by itself; if it lasts, look at the worker",
        )
    if result.draft is not None and result.draft.action is not None:
        canonical.require_plain(to_builtins(result.draft.action), where="draft.action")


def labelled(draft: Draft, assignment: Assignment) -> Draft:
    """The draft under every label that its lease could read, whatever the worker says."""
    task, read = assignment.task, [material.labels for material in assignment.readable]
    return replace(draft, labels=labels.union(draft.labels, task.labels, assignment.recent_labels, *read))


def threat_of(task: Task, draft: Draft) -> str:
    """The threat of the input that led here, or HIGH when a tool's answer that was read on the way looked worse."""
    if labels.is_threatening(draft.labels):
        return str(highest((ThreatLevel(task.threat), ThreatLevel.HIGH)))
    return task.threat


def addressed(action: Action, task: Task) -> frozenset[str]:
    """Whom an action is towards: the account that it names, the author whom its task is about, whoever is mentioned.

    The author comes from the admitted input, so a worker that names somebody else does not hide him.
    """
    if action.is_internal:
        return frozenset()
    named = (action.arguments.get("target_account"), task.input.get("author"))
    mentioned = texts.mentions(str(action.arguments.get("text", "")))
    return frozenset((*(name for name in named if isinstance(name, str) and name), *mentioned))
