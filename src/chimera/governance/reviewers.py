"""How people rule: private remarks, decoys with known answers, and what the rulings say about whoever gave them.

A decoy belongs to no task: there is nothing that could be granted for it, whatever anybody answers.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from chimera.domain import canonical, ids
from chimera.domain.attempt import Attempt, latest
from chimera.domain.change import Change
from chimera.domain.errors import Invalid
from chimera.domain.event import Event, EventKind
from chimera.domain.person import Principal
from chimera.domain.review import Decoy, Remark, Review
from chimera.domain.verbs import Resource
from chimera.governance.identity.permits import Permits
from chimera.governance.reviews import about
from chimera.ports.ids import Ids
from chimera.ports.store import LIST_MAX, Store

REMARK_LENGTH_MAX = 2_000
# What is on record, in this order, when a gate has held something.
TOLD_AS = ("DRAFT_JUDGED", "ACTION_ESCALATED")
ANSWERS = ("approve", "reject")
REVIEWS = Resource(kind="reviews", id="reviews")


class Standing(Struct, frozen=True, kw_only=True):
    """One reviewer in figures. Rates in basis points; times are medians over claimed reviews, in whole seconds."""

    name: str
    rulings: int
    approved: int
    edited: int
    rejected: int
    approval_bp: int
    held_seconds: int
    decoys: int
    decoys_missed: int


class Reviewers:
    """Writes as the office."""

    def __init__(self, *, store: Store, ids: Ids, permits: Permits) -> None:
        self._store = store
        self._ids = ids
        self._permits = permits

    async def remark(self, review_id: str, *, by: Principal, text: str) -> Remark:
        """A note about a review that only its author reads."""
        review = await self._store.get(Review, review_id)
        self._permits.require(by, "review.look", about(review))
        canonical.require_text(text, where="text")
        if not text.strip() or len(text) > REMARK_LENGTH_MAX:
            raise Invalid(
                "note_length",
                f"a note has 1 to {REMARK_LENGTH_MAX} characters",
                where="text",
                remedy="write 1 to 2000 characters",
            )
        now_us = await self._store.now_us()
        remark = Remark(id=self._ids.new(), review_id=review.id, person_id=by.person, text=text, at_us=now_us)
        event = Event(kind=EventKind.REMARK_KEPT, subject=remark.id, at_us=now_us,
                      data={"review": review.id, "by": by.name})  # fmt: skip
        await self._store.commit(Change(records=(remark,), events=(event,)))
        return remark

    async def remarks(self, review_id: str, *, by: Principal) -> tuple[Remark, ...]:
        """One's own remarks on a review."""
        found = await self._store.list(Remark, scope=review_id)
        return tuple(one for one in found if one.person_id == by.person)

    async def plant(self, like: str, *, by: Principal, arguments: dict[str, Any], answer: str) -> Review:
        """A decoy that looks like an existing review, with other words, and a right answer."""
        self._permits.require(by, "review.plant", REVIEWS)
        if answer not in ANSWERS:
            raise Invalid(
                "decoy_answer",
                f"the right answer is {' or '.join(ANSWERS)}",
                where="answer",
                remedy="give --right approve or --right reject",
            )
        model = await self._store.get(Review, like)
        canonical.require_plain(arguments, where="arguments")
        action = replace(model.question.action, arguments={**model.question.action.arguments, **arguments})
        now_us = await self._store.now_us()
        like = await self._like(model)
        made = latest(await self._store.list(Attempt, scope=like))
        # Its ids are those that a task of the same plan and its review would have: a new root would tell on it.
        task_id = ids.derive(like, "no task", self._ids.new())
        identifier = ids.derive(task_id, "review", str(made.assignment.task.version if made else 1))
        question = replace(model.question, action=action, task_id=task_id, approver=None)
        review = Review(
            id=identifier, task_id=question.task_id, campaign_id=model.campaign_id, agent_id=model.agent_id,
            question=question, reasons=model.reasons, role=model.role, opened_at_us=now_us,
            deadline_us=now_us + model.deadline_us - model.opened_at_us, policy=model.policy,
        )  # fmt: skip
        decoy = Decoy(id=identifier, answer=answer, planted_by=by.name, planted_at_us=now_us, like_task=like)
        await self._store.commit(Change(records=(review, decoy), events=_planted(review, decoy)))
        return review

    async def _like(self, model: Review) -> str:
        """The task that is imitated: also where the review is a decoy itself."""
        decoy = await self._store.find(Decoy, model.id)
        return decoy.like_task if decoy and decoy.like_task else model.task_id

    async def standings(self, *, by: Principal, since_us: int = 0) -> tuple[Standing, ...]:
        """Every reviewer since a time, most rulings first."""
        self._permits.require(by, "review.look", REVIEWS)
        rulings: dict[str, list[tuple[Review, Decoy | None]]] = {}
        async for page in self._ruled(since_us):
            decoys = {one.id: one for one in await self._store.get_many(Decoy, [review.id for review in page])}
            for review in page:
                assert review.approver is not None, "somebody ruled"
                rulings.setdefault(review.approver.name, []).append((review, decoys.get(review.id)))
        found = [_standing(name, ruled) for name, ruled in rulings.items()]
        return tuple(sorted(found, key=lambda one: (-one.rulings, one.name)))

    async def _ruled(self, since_us: int) -> AsyncGenerator[list[Review]]:
        after = ""
        while page := await self._store.list(Review, after=after):
            yield [one for one in page if one.ruled_at_us > since_us and one.approver and one.outcome]
            after = page[-1].id
            if len(page) < LIST_MAX:
                return


def _planted(review: Review, decoy: Decoy) -> tuple[Event, ...]:
    """One event for each that a real review begins with: whoever may not know is told those instead."""
    data = {"review": review.id, "task": review.task_id, "agent": review.agent_id, "campaign": review.campaign_id,
            "like": decoy.like_task, "by": decoy.planted_by, "answer": decoy.answer}  # fmt: skip
    return tuple(
        Event(
            kind=EventKind.DECOY_PLANTED, subject=review.id, at_us=decoy.planted_at_us, data={**data, "told_as": kind}
        )
        for kind in TOLD_AS
    )


def _standing(name: str, ruled: Sequence[tuple[Review, Decoy | None]]) -> Standing:
    outcomes = [review.outcome for review, _ in ruled]
    yes = outcomes.count("approved")
    held = sorted(review.held_us for review, _ in ruled if review.held_us)
    decoys = [(review, decoy) for review, decoy in ruled if decoy is not None]
    return Standing(
        name=name, rulings=len(ruled), approved=yes, edited=outcomes.count("edited"),
        rejected=outcomes.count("rejected"), approval_bp=10_000 * yes // len(ruled),
        held_seconds=held[len(held) // 2] // 1_000_000 if held else 0, decoys=len(decoys),
        decoys_missed=sum(not _is_right(review, decoy) for review, decoy in decoys),
    )  # fmt: skip


def _is_right(review: Review, decoy: Decoy) -> bool:
    """An edit of something harmful is as good as a no; an edit of something harmless is not counted against anybody."""
    return review.outcome == "edited" or (review.outcome == "approved") == (decoy.answer == "approve")
