"""A task: one typed step of a plan, from waiting to done. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec.structs import replace

from chimera.domain.labels import Labels, union
from chimera.domain.machine import Machine
from chimera.domain.record import Record, next_version, shard_of
from chimera.domain.spec import SpecRef
from chimera.domain.variants import Choice


class TaskState(StrEnum):
    """Where a task is."""

    WAITING = "waiting"
    READY = "ready"
    LEASED = "leased"
    HELD = "held"
    GRANTED = "granted"
    IN_DOUBT = "in_doubt"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    DROPPED = "dropped"


UNDER_WAY = ("waiting", "ready", "leased", "held", "granted", "in_doubt")


class TaskCommand(StrEnum):
    """What can happen to a task."""

    OPEN = "open"
    LEASE = "lease"
    RETRY = "retry"
    ACCEPT = "accept"
    GRANT = "grant"
    ESCALATE = "escalate"
    REFUSE = "refuse"
    DOUBT = "doubt"
    FINISH = "finish"
    FAIL = "fail"
    DROP = "drop"
    HOLD = "hold"


# Why a task that has not begun will not, and why it is neither tried anew nor put off.
TIME_OVER = "the time of its campaign is over"
_S, _C = TaskState, TaskCommand
TASK_MACHINE = Machine(
    "task",
    TaskState,
    TaskCommand,
    {
        (_S.WAITING, _C.OPEN): _S.READY,
        (_S.WAITING, _C.DROP): _S.DROPPED,
        (_S.READY, _C.LEASE): _S.LEASED,
        (_S.READY, _C.DROP): _S.DROPPED,
        (_S.LEASED, _C.LEASE): _S.LEASED,
        (_S.LEASED, _C.RETRY): _S.READY,
        (_S.LEASED, _C.ACCEPT): _S.DONE,
        (_S.LEASED, _C.GRANT): _S.GRANTED,
        (_S.LEASED, _C.ESCALATE): _S.HELD,
        (_S.LEASED, _C.REFUSE): _S.REFUSED,
        (_S.LEASED, _C.FAIL): _S.FAILED,
        (_S.LEASED, _C.DROP): _S.DROPPED,
        (_S.HELD, _C.GRANT): _S.GRANTED,
        (_S.HELD, _C.ESCALATE): _S.HELD,
        (_S.HELD, _C.REFUSE): _S.REFUSED,
        (_S.HELD, _C.FINISH): _S.DONE,
        (_S.HELD, _C.FAIL): _S.FAILED,
        (_S.HELD, _C.DROP): _S.DROPPED,
        (_S.GRANTED, _C.FINISH): _S.DONE,
        (_S.GRANTED, _C.DOUBT): _S.IN_DOUBT,
        (_S.GRANTED, _C.FAIL): _S.FAILED,
        (_S.GRANTED, _C.RETRY): _S.READY,
        (_S.GRANTED, _C.HOLD): _S.HELD,
        (_S.GRANTED, _C.REFUSE): _S.REFUSED,
        (_S.GRANTED, _C.DROP): _S.DROPPED,
        (_S.IN_DOUBT, _C.FINISH): _S.DONE,
        (_S.IN_DOUBT, _C.FAIL): _S.FAILED,
        (_S.IN_DOUBT, _C.RETRY): _S.READY,
        (_S.IN_DOUBT, _C.HOLD): _S.HELD,
        (_S.IN_DOUBT, _C.ESCALATE): _S.HELD,
    },
)


class Task(Record, frozen=True, kw_only=True):
    """One step of an adopted plan. `due_at_us` is when it may start, or when its lease ends.

    `order` names the review in which a person ordered it; such a task is no worker's, and waits for the gate alone.
    `ends_at_us` is when its campaign's time is over (0: never): nobody begins with it then, and nothing of it goes out.
    `attempt` counts tries, this one too; `leases_lost` the leases since the last answer that ran out, or ended with
    whoever had them: those were no tries (ADR-222).
    `choice` is how the bandit had it made; `is_timed` says that the time is the plan's or a person's, not the bandit's.
    """

    campaign_id: str
    agent_id: str
    spec: SpecRef
    key: str
    input: dict[str, Any]
    labels: Labels
    awaits: tuple[str, ...] = ()
    opens: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    threat: str = "LOW"
    input_id: str | None = None
    pending: int = 0
    due_at_us: int = 0
    ends_at_us: int = 0
    priority: int = 100
    attempt: int = 0
    leases_lost: int = 0
    revision: int = 0
    feedback: tuple[str, ...] = ()
    grant_id: str | None = None
    order: str = ""
    choice: Choice | None = None
    is_timed: bool = False
    reason: str = ""
    state: TaskState = TaskState.WAITING

    @property
    def scope(self) -> str:
        return self.campaign_id

    @property
    def shard(self) -> int:
        return shard_of(self.campaign_id)

    @property
    def due_us(self) -> int:
        return self.due_at_us

    @property
    def rank(self) -> int:
        return self.priority

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen to it."""
        return TASK_MACHINE.is_final(self.state)

    def is_past(self, now_us: int) -> bool:
        """Whether its campaign's time is over."""
        return 0 < self.ends_at_us <= now_us

    def by_its_end(self, at_us: int) -> int:
        """That moment, or the end of its campaign's time, whichever comes first."""
        return min(at_us, self.ends_at_us) if self.ends_at_us else at_us

    def after(self, command: TaskCommand) -> Task:
        """The task after a command, or a named refusal."""
        return replace(next_version(self), state=TASK_MACHINE.after(self.state, command))

    def leased_at_birth(self, until_us: int) -> Task:
        """The task as it is first written when whoever plans it has a worker for it: nobody needs to claim it then."""
        state = TASK_MACHINE.after(self.state, TaskCommand.LEASE)
        return replace(self, state=state, attempt=self.attempt + 1, due_at_us=until_us)

    def again(self) -> Task:
        """The task to be tried anew: worked on again, or, where a person ordered it, asked about again.

        It was handed in and granted: no lease of it that was lost before has anything to do with that.
        """
        if self.order:
            return replace(self.after(TaskCommand.HOLD), attempt=self.attempt + 1)
        return replace(self.after(TaskCommand.RETRY), leases_lost=0)

    def chosen(self, choice: Choice, *, given: dict[str, Any], at_us: int) -> Task:
        """The leased task as it is given back to be begun at its time, with its choice."""
        return replace(self.given_back(at_us), choice=choice, input={**self.input, **given})

    def given_back(self, at_us: int) -> Task:
        """The leased task to be begun at another time. That was no try at it."""
        return replace(self.after(TaskCommand.RETRY), due_at_us=at_us, attempt=self.attempt - 1)

    @property
    def is_barred(self) -> bool:
        """Whether it waits for a person to look at its plan, beside the tasks before it."""
        return self.state is TaskState.WAITING and self.pending + len(self.sources) > len(self.awaits)

    def barred(self) -> Task:
        """The task as it is first written when a person looks at its plan before it may begin."""
        return replace(self, state=TaskState.WAITING, pending=self.pending + 1)

    def let_go(self) -> Task:
        """The task once its plan was looked at; ready when it waits for nothing else."""
        opened = next_version(self) if self.pending > 1 else self.after(TaskCommand.OPEN)
        return replace(opened, pending=self.pending - 1)

    def opened_by(self, attempt_id: str, labels: Labels) -> Task:
        """The task with one dependency fewer, and that one's result and labels added; ready when it was the last.

        Whoever comes too late, because he has slept, is refused by name like any command out of turn.
        """
        opened = next_version(self) if self.pending > 1 else self.after(TaskCommand.OPEN)
        return replace(
            opened,
            pending=self.pending - 1,
            sources=(*self.sources, attempt_id),
            labels=union(self.labels, labels),
        )
