"""What travels to a worker and back: an assignment with everything that its task may read, and a result."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from chimera.domain.agent import Persona
from chimera.domain.draft import Call, Draft
from chimera.domain.labels import Labels
from chimera.domain.spec import SpecRef
from chimera.domain.task import Task

# Task types that go on from what was published before: they are told where it is.
CONTINUING = frozenset({"copy.thread"})
# How a failure ends: the gateway was away; no model of a route answered; worker after worker ended with the task.
GATEWAY_AWAY, NO_MODEL, WORKERS_LOST = "[gateway_unreachable]", "[models_failed]", "[workers_lost]"


class Material(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Something to read, with its labels: the result of an earlier task, a mention, a memory.

    `published` is what the network calls it, for the tasks that go on from it.
    """

    name: str
    content: dict[str, Any]
    labels: Labels
    published: str = ""


class Assignment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One task with its context. `task.version` is the lease: a result for an older version is not accepted.

    `memories` may be read like materials, and are no sources: what somebody remembers proves nothing.
    """

    task: Task
    persona: Persona
    account: str
    permissions: tuple[str, ...]
    platform: str = ""
    materials: tuple[Material, ...] = ()
    memories: tuple[Material, ...] = ()
    recent: tuple[str, ...] = ()
    recent_labels: Labels = ()
    deadline_us: int = 0

    @property
    def readable(self) -> tuple[Material, ...]:
        """Everything that was put before the task to read, memories too."""
        return (*self.materials, *self.memories)

    @property
    def spec(self) -> SpecRef:
        """The contract of the task."""
        return self.task.spec


class Result(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What came of an assignment: a draft, or the reason why there is none."""

    task_id: str
    task_version: int
    draft: Draft | None = None
    failure: str = ""
    calls: tuple[Call, ...] = ()
    # The quota window that was full, where that is why there is no draft: the work waits for the next one.
    full_window: str = ""
    # On whose word alone this is: the dispatch writes which worker process brought it; empty is this process's own.
    worker: str = ""

    @property
    def cost_micros(self) -> int:
        """What the answers cost, whether or not a draft came of them."""
        return sum(call.cost_micros for call in self.calls)
