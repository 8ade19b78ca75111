"""Sees every commit, lease and call to the network, and says at which step an invariant of DESIGN §2 was broken.

Believes nothing that the system says about itself: it judges by the records as they were committed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from chimera.adapters.memory.database import MemoryDatabase
from chimera.domain import labels, scopes
from chimera.domain.action import TAKE_DOWN
from chimera.domain.agent import Agent
from chimera.domain.attempt import Attempt
from chimera.domain.budget import Hold, HoldState
from chimera.domain.campaign import Campaign
from chimera.domain.caps import FLEET_CAPS
from chimera.domain.change import Change
from chimera.domain.decision import Allow
from chimera.domain.errors import ChimeraError
from chimera.domain.event import EventKind
from chimera.domain.grant import Batch, Grant, Performance, PerformanceState, Seal, SealState
from chimera.domain.halt import Halt, HaltState
from chimera.domain.person import RULERS
from chimera.domain.record import Record
from chimera.domain.review import Review, ReviewState
from chimera.domain.task import TASK_MACHINE, Task, TaskCommand, TaskState
from chimera.governance.sealing import SealVerifier
from chimera.ports.publisher import Order
from chimera.testing.simulation.books import Books
from chimera.testing.virtual_loop import VirtualClock

_OPEN = (TaskState.READY, TaskState.LEASED)
_BEGINNINGS = (EventKind.EFFECT_STARTED, EventKind.EFFECT_RESENT)


class Violation(Exception):
    """An invariant of DESIGN §2 does not hold."""

    def __init__(self, invariant: str, what: str) -> None:
        super().__init__(f"{invariant}: {what}")
        self.invariant = invariant
        self.what = what


def require(holds: object, invariant: str, what: str) -> None:
    """The invariant, or the violation."""
    if not holds:
        raise Violation(invariant, what)


class Witness:
    """Judges single steps. What can only be judged at the end is in `ending`."""

    def __init__(
        self,
        database: MemoryDatabase,
        *,
        clock: VirtualClock,
        keys: Mapping[str, Ed25519PublicKey],
        found: Callable[[Violation], None],
    ) -> None:
        self.books = Books()
        for cap in FLEET_CAPS:
            self.books.enter(cap)
        self._found = found
        self._database = database
        self._clock = clock
        self._seals = SealVerifier(keys)
        self._halted: dict[str, int] = {}
        self._begun: dict[str, int] = {}

    # ── what the system did ─────────────────────────────────────────────────────────────────────────────────────────

    def committed(self, writer: str, change: Change) -> None:
        """A change is durable from now on: judge it against the books, then enter it."""
        with self._judging():
            self._committed(writer, change)

    def leased(self, tasks: Sequence[Task]) -> None:
        """Tasks were leased."""
        with self._judging():
            self._leased(tasks)

    def publishing(self, order: Order, *, by_zombie: bool) -> None:
        """A call to the network is being made. A zombie does not know what has become of its act meanwhile."""
        with self._judging():
            self._publishing(order, by_zombie=by_zombie)

    @contextlib.contextmanager
    def _judging(self) -> Generator[None]:
        """The first violation is told to the world; the system goes on and notices nothing."""
        try:
            yield
        except Violation as violation:
            self._found(violation)

    def _committed(self, writer: str, change: Change) -> None:
        now_us = self._clock.now_us()
        self.books.note(lambda: _told(now_us, writer, change))
        before = [self.books.all(type(record)).get(record.id) for record in change.records]
        self._judge_beginnings(change, now_us)
        for record, earlier in zip(change.records, before, strict=True):
            self._judge(record, earlier, change)
        for record in change.records:
            self._enter(record)
        self._judge_money(window for movement in change.movements for window in movement.windows)

    def _leased(self, tasks: Sequence[Task]) -> None:
        now_us = self._clock.now_us()
        for task in tasks:
            self.books.note(lambda task=task: f"{now_us} leased {task.key[:24]} {task.id[-6:]} attempt {task.attempt}")
            self._require_running(
                (scopes.FLEET, scopes.campaign(task.campaign_id), scopes.agent(task.agent_id)), "a lease"
            )
            self._judge_task(task, self.books.all(Task).get(task.id))
            self.books.enter(task)

    def _publishing(self, order: Order, *, by_zombie: bool) -> None:
        now_us = self._clock.now_us()
        self.books.note(lambda: f"{now_us} → network {order.action.kind} {order.grant_id[-6:]}")
        grant = self.books.all(Grant).get(order.grant_id)
        performance = self.books.all(Performance).get(order.grant_id)
        require(grant is not None, "1 no deed without a grant", f"{order.grant_id} was never committed")
        require(performance is not None, "1 no deed without a grant", f"{order.grant_id} was never taken")
        assert grant is not None and performance is not None, "just required"
        require(order.action.content == grant.action.content, "1 exactly its bytes", f"of {grant.id}")
        is_started = performance.state is PerformanceState.STARTED
        require(is_started or by_zombie, "1 unused", f"{grant.id} is {performance.state}")
        require(now_us < grant.terms.expires_at_us, "1 unexpired", f"{grant.id} is used after its end")
        self._require_sealed(grant)
        self._require_own_account(grant)
        begun = self._begun.get(grant.id, 0)
        # What began before the halt was committed is in flight.
        for scope in _scopes_of(grant):
            require(
                self._halted.get(scope, begun + 1) > begun, "7 halts", f"{grant.id} is sent again in halted {scope}"
            )

    def note(self, words: str) -> None:
        """Something went wrong on purpose, or somebody did something: part of the story."""
        now_us = self._clock.now_us()
        self.books.note(lambda: f"{now_us} {words}")

    @property
    def halted(self) -> frozenset[str]:
        """The scopes that are halted by the books."""
        return frozenset(self._halted)

    # ── judging ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _judge_beginnings(self, change: Change, now_us: int) -> None:
        for record in change.records:
            match record:
                case Performance(version=1):
                    self._judge_performance(record, now_us)
                case Grant():
                    self._require_running(_scopes_of(record), "a grant")
                    self._require_own_account(record)
                case Task(version=1):
                    self._require_running((scopes.FLEET, scopes.campaign(record.campaign_id)), "a task")
                case _:
                    pass
        for event in change.events:
            if event.kind in _BEGINNINGS:
                self._begun[str(event.data["grant"])] = self.books.steps

    def _judge(self, record: Record, before: Record | None, change: Change) -> None:
        expected = before.version + 1 if before else 1
        require(record.version == expected, "4 compare-and-set", f"{type(record).__name__} {record.id}")
        match record:
            case Task():
                assert before is None or isinstance(before, Task), "ids are of one kind"
                self._judge_task(record, before)
            case Attempt():
                self._judge_attempt(record)
            case Grant():
                self._judge_grant(record, change)
            case _:
                pass

    def _judge_performance(self, performance: Performance, now_us: int) -> None:
        grant = self.books.all(Grant).get(performance.id)
        seal = self.books.all(Seal).get(performance.id)
        require(grant is not None and seal is not None, "1 sealed", f"{performance.id} has no grant or no seal")
        assert grant is not None and seal is not None, "just required"
        require(seal.state is SealState.READY, "3 at most once", f"the seal of {grant.id} is {seal.state}")
        require(now_us < grant.terms.expires_at_us, "1 unexpired", f"{grant.id} is begun after its end")
        require(not grant.action.is_internal, "1 nothing internal goes out", grant.id)
        self._require_sealed(grant)
        self._require_running(_scopes_of(grant), "a performance")

    def _judge_task(self, task: Task, before: Task | None) -> None:
        if before is not None:
            allowed = before.state == task.state or any(
                TASK_MACHINE.allows(before.state, command) and TASK_MACHINE.after(before.state, command) is task.state
                for command in TaskCommand
            )
            require(allowed, "4 states", f"task {task.id} went from {before.state} to {task.state}")
        if task.state in _OPEN:
            tasks = self.books.all(Task)
            waits = [key for key in task.awaits if (one := tasks.get(key)) is None or one.state is not TaskState.DONE]
            # The dependency that opens it may be in the same change.
            require(len(waits) <= 1, "4 order of dependencies", f"{task.id} is open before {waits}")

    def _judge_attempt(self, attempt: Attempt) -> None:
        assignment, has = attempt.assignment, set(attempt.draft.labels)
        owed = set(assignment.task.labels).union(*(material.labels for material in assignment.readable))
        for source in assignment.task.sources:
            if (earlier := self.books.all(Attempt).get(source)) is not None:
                owed |= set(earlier.draft.labels)
        require(owed <= has, "6 labels", f"attempt {attempt.id} lost {sorted(owed - has)}")
        ruling, question = attempt.ruling, attempt.question
        if ruling is None or question is None:
            return
        risky = labels.is_tainted(question.labels) and question.shaped and not question.action.is_internal
        allowed = isinstance(ruling.decision, Allow)
        require(
            not (risky and allowed and question.approver is None), "6 shaped by strangers", f"{attempt.id} is allowed"
        )

    def _judge_grant(self, grant: Grant, change: Change) -> None:
        task = self.books.all(Task)[grant.terms.task_id]
        if task.order:
            ordered = self.books.all(Review)[task.order]
            require(ordered.state is ReviewState.REJECTED, "1 ordered back", f"{ordered.id} {ordered.state}")
            return require(grant.action.kind == TAKE_DOWN, "1 ordered back", f"{ordered.id} {grant.action.kind}")
        review = next((one for one in change.records if isinstance(one, Review)), None)
        attempts = [one for one in change.records if isinstance(one, Attempt)]
        attempt = next((one for one in attempts if one.assignment.task.id == grant.terms.task_id), None)
        if review is not None:
            before = self.books.all(Review)[review.id]
            require(
                before.state in (ReviewState.APPROVED, ReviewState.EDITED), "1 approved", f"{review.id} {before.state}"
            )
            require(
                before.approver and before.approver.role in RULERS, "1 approved", f"{review.id} by {before.approver}"
            )
            require(before.question.action.digest == grant.terms.action_digest, "1 approved bytes", review.id)
        else:
            allowed = attempt is not None and attempt.ruling and isinstance(attempt.ruling.decision, Allow)
            require(allowed, "1 the gate allowed", f"grant {grant.id} has no Allow behind it")

    def _judge_money(self, windows: Iterable[str]) -> None:
        touched = set(windows)
        if not touched:
            return
        held = dict.fromkeys(touched, 0)
        for hold in self.books.all(Hold).values():
            if hold.state is HoldState.HELD:
                for key in touched.intersection(hold.windows):
                    held[key] += hold.amount_micros
                for key in touched.intersection(hold.quotas):
                    held[key] += 1
        for key in sorted(touched):
            window = self._database.windows[key]
            require(window.held_micros + window.spent_micros <= window.cap_micros, "2 budgets", f"{window}")
            require(window.held_micros == held[key], "2 holds add up", f"{window}, holds are {held[key]}")

    # ── what is required ────────────────────────────────────────────────────────────────────────────────────────────

    def _enter(self, record: Record) -> None:
        self.books.enter(record)
        if isinstance(record, Halt):
            if record.state is HaltState.ACTIVE:
                self._halted[record.halted] = self.books.steps
            else:
                self._halted.pop(record.halted, None)

    def _require_running(self, places: Iterable[str], what: str) -> None:
        met = sorted(set(places) & self._halted.keys())
        require(not met, "7 halts", f"{what} began in {met}")

    def _require_sealed(self, grant: Grant) -> None:
        seal = self.books.all(Seal).get(grant.id)
        batch = self.books.all(Batch).get(seal.batch_id) if seal else None
        require(seal is not None and batch is not None, "1 sealed", f"{grant.id} has no seal")
        assert seal is not None and batch is not None, "just required"
        try:
            self._seals.require_sealed(grant, seal, batch)
        except ChimeraError as error:
            raise Violation("1 sealed", str(error)) from error

    def _require_own_account(self, grant: Grant) -> None:
        agent = self.books.all(Agent)[grant.terms.agent_id]
        handles = {account.handle for account in agent.accounts}
        require(grant.action.account in handles, "1 the right account", f"{agent.name} as {grant.action.account}")
        campaign = self.books.all(Campaign)[grant.terms.campaign_id]
        require(campaign.agent_id == agent.id, "1 the right account", f"{agent.name} in another's campaign")


def _scopes_of(grant: Grant) -> tuple[str, ...]:
    return grant.action.scopes(agent_id=grant.terms.agent_id, campaign_id=grant.terms.campaign_id)


def _told(now_us: int, writer: str, change: Change) -> str:
    what = ", ".join(f"{event.kind} {event.subject[-6:]}" for event in change.events)
    records = " ".join(f"{type(one).__name__.lower()}:{one.id[-6:]}={one.state_name}" for one in change.records[:6])
    return f"{now_us} {writer} commits {what} [{records}]"
