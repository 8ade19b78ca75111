"""People rule here: approve, edit, reject, ask. A ruling is an input to a fresh decision of the gate, never a grant.

Writes as the office. Bound to the exact bytes; silence is a no.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from chimera.domain import canonical
from chimera.domain.action import ARGUMENT_BYTES_MAX, Action
from chimera.domain.change import Change
from chimera.domain.errors import Conflict, Invalid, Refused
from chimera.domain.event import Event, EventKind
from chimera.domain.person import RULERS, Principal
from chimera.domain.review import Review, ReviewCommand
from chimera.domain.verbs import Resource
from chimera.governance.identity.permits import Permits
from chimera.ports.store import Store

NOTE_LENGTH_MAX = 2_000


class Reviews:
    """One ruling per review, whoever is first."""

    def __init__(self, *, store: Store, permits: Permits) -> None:
        self._store = store
        self._permits = permits

    async def approve(self, review_id: str, *, by: Principal, digest: str) -> Review:
        """Approve exactly the bytes that were shown."""
        review = await self._ruled_on(review_id, by=by)
        _require_standing(review, by)
        if review.action_digest != digest:
            raise Conflict(
                "review_bytes_differ",
                "the action is not the one that was shown",
                where=review_id,
                remedy="look at it again",
            )
        return await self._rule(review, ReviewCommand.APPROVE, by=by, outcome="approved")

    async def edit(self, review_id: str, *, by: Principal, arguments: dict[str, Any]) -> Review:
        """Approve other bytes than were proposed. They go through the gate like any."""
        review = await self._ruled_on(review_id, by=by)
        _require_standing(review, by)
        if review.about == "doubt":
            raise Refused(
                "doubt_not_editable",
                "the question is whether it happened, as it was",
                where=review_id,
                remedy="approve: it happened; reject: it did not",
            )
        action = _edited(review.question.action, arguments)
        question = msgspec.structs.replace(review.question, action=action)
        return await self._rule(review, ReviewCommand.EDIT, by=by, outcome="edited", question=question)

    async def reject(self, review_id: str, *, by: Principal, reason: str) -> Review:
        """Say no, and why."""
        if not reason.strip():
            raise Invalid("reason_missing", "a rejection needs a reason", where="reason", remedy="say why")
        review = await self._ruled_on(review_id, by=by)
        return await self._rule(review, ReviewCommand.REJECT, by=by, outcome="rejected", note=_note(reason))

    async def ask(self, review_id: str, *, by: Principal, question: str) -> Review:
        """Ask the operator something; the review waits for the answer."""
        review = await self._ruled_on(review_id, by=by)
        return await self._rule(review, ReviewCommand.ASK, by=by, outcome="", note=_note(question))

    async def answer(self, review_id: str, *, by: Principal, text: str) -> Review:
        """Answer what was asked; the review is open again."""
        review = await self._ruled_on(review_id, by=by)
        return await self._rule(review, ReviewCommand.ANSWER, by=by, outcome="", note=_note(text))

    async def expire_due(self) -> int:
        """Silence is a no: close what nobody ruled on in time."""
        now_us = await self._store.now_us()
        due = await self._store.list(Review, states=("open", "asked"), due_before_us=now_us)
        for review in due:
            after = replace(review.after(ReviewCommand.EXPIRE), outcome="expired")
            event = Event(
                kind=EventKind.REVIEW_EXPIRED, subject=review.task_id, at_us=now_us, data={"review": review.id}
            )
            await self._store.commit(Change(records=(after,), events=(event,)))
        return len(due)

    async def _ruled_on(self, review_id: str, *, by: Principal) -> Review:
        review = await self._store.get(Review, review_id)
        about = Resource(kind="review", id=review.id, agent=review.agent_id, campaign=review.campaign_id)
        self._permits.require(by, "review.rule", about)
        if await self._store.now_us() >= review.deadline_us:
            raise Refused(
                "review_expired",
                "the time to rule has passed",
                where=review_id,
                remedy="the task is planned again if it is still wanted",
            )
        return review

    async def _rule(
        self, review: Review, command: ReviewCommand, *, by: Principal, outcome: str, note: str = "", **fields: Any
    ) -> Review:
        after = replace(
            review.after(command), approver=by.approver, outcome=outcome, note=note or review.note, **fields
        )
        event = Event(
            kind=EventKind.REVIEW_RULED,
            subject=review.task_id,
            at_us=await self._store.now_us(),
            data={
                "review": review.id,
                "ruling": str(command),
                "by": by.name,
                "role": by.approver.role,
                "note": note,
                "digest": review.action_digest,
                "digest_after": after.action_digest,
            },
        )
        await self._store.commit(Change(records=(after,), events=(event,)))
        return after


def _require_standing(review: Review, by: Principal) -> None:
    """Anybody who may rule may say no; a yes needs the role that policy asked for, or the gate would turn it down."""
    role = by.approver.role
    if role not in RULERS or (review.role in RULERS and RULERS.index(role) < RULERS.index(review.role)):
        raise Refused(
            "role_may_not_approve",
            f"a {role} may not approve this",
            where=review.id,
            remedy=f"ask an {review.role}" if review.role[0] in "aeiou" else f"ask a {review.role}",
        )


def _edited(action: Action, arguments: dict[str, Any]) -> Action:
    canonical.require_plain(arguments, where="arguments")
    edited = msgspec.structs.replace(action, arguments={**action.arguments, **arguments})
    if len(edited.content) > ARGUMENT_BYTES_MAX:
        raise Invalid("edit_too_large", f"an action has at most {ARGUMENT_BYTES_MAX} bytes", where="arguments")
    if edited.digest == action.digest:
        raise Invalid(
            "edit_changes_nothing", "the edit changes nothing", where="arguments", remedy="approve it instead"
        )
    return edited


def _note(text: str) -> str:
    canonical.require_text(text, where="note")
    if not text.strip() or len(text) > NOTE_LENGTH_MAX:
        raise Invalid("note_length", f"a note has 1 to {NOTE_LENGTH_MAX} characters", where="note")
    return text
