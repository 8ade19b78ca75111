"""Where a draft's words may have come from: computed from what its lease could read. Pure."""

from __future__ import annotations

from msgspec.structs import replace

from chimera.domain import labels
from chimera.domain.draft import Draft
from chimera.domain.work import Assignment, Material


def readable(assignment: Assignment) -> tuple[Material, ...]:
    """Everything that the lease could read: the materials and the task's own input."""
    task = assignment.task
    return (*assignment.materials, Material(name="input", content=task.input, labels=task.labels))


def labelled(draft: Draft, assignment: Assignment) -> Draft:
    """The draft under every label that its lease could read, whatever the worker says."""
    sources = [material.labels for material in readable(assignment)]
    return replace(draft, labels=labels.union(draft.labels, *sources))
