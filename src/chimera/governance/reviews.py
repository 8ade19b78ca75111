"""People rule here: approve, edit, reject, ask. A ruling is an input to a fresh decision of the gate, never a grant.

Writes as the office. Bound to the exact bytes, to what was seen, to who says it, and to a time; silence is a no.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from chimera.domain import canonical
from chimera.domain.action import ARGUMENT_BYTES_MAX, Action, take_down_of
from chimera.domain.change import Change
from chimera.domain.confidence import Bands
from chimera.domain.decision import Approver
from chimera.domain.errors import ChimeraError, Conflict, Invalid, Missing, Refused
from chimera.domain.event import Event, EventKind
from chimera.domain.grant import Grant, Performance
from chimera.domain.person import RULERS, Person, PersonState, Principal, person_id
from chimera.domain.quotas import POST_KINDS
from chimera.domain.review import (
    AFTERWARDS,
    APPROVAL_SECONDS,
    CLAIM_SECONDS,
    OPEN_STATES,
    Approval,
    Claim,
    Review,
    ReviewCommand,
)
from chimera.domain.verbs import Resource
from chimera.governance import quorum, wording
from chimera.governance.identity.permits import Permits
from chimera.governance.policy.changes import in_force
from chimera.governance.policy.pack import bands_of
from chimera.governance.wording import Sign, Word
from chimera.ports.store import Store

NOTE_LENGTH_MAX = 2_000
BATCH_MAX = 50
# What publishing costs is no payment: beyond a cent it is looked at alone.
BATCH_COST_MICROS_MAX = 10_000


class Seen(Struct, frozen=True, kw_only=True):
    """What somebody looked at: the review, its bytes, and its nonce."""

    review_id: str
    digest: str
    nonce: str


class Outcome(Struct, frozen=True, kw_only=True):
    """What came of one of many rulings. `code` and `message` are empty when it was ruled."""

    review_id: str
    review: Review | None = None
    code: str = ""
    message: str = ""


class Reviews:
    """One ruling per review, whoever is first."""

    def __init__(self, *, store: Store, permits: Permits, bands: Bands, sign: Sign | None = None) -> None:
        self._store = store
        self._permits = permits
        self._bands = bands
        self._sign = sign

    # ── whose it is ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def claim(self, review_id: str, *, by: Principal, version: int | None = None) -> Review:
        """Look at it for a quarter of an hour, during which nobody else rules."""
        review = await self._ruled_on(review_id, by=by, version=version)
        now_us = await self._store.now_us()
        held = Claim(person=by.person, name=by.name, since_us=now_us, until_us=now_us + CLAIM_SECONDS * 1_000_000)
        after = replace(review.after(ReviewCommand.HOLD), claim=held)
        await self._write(after, EventKind.REVIEW_CLAIMED, {"by": by.name, "until_us": held.until_us})
        return after

    async def release(self, review_id: str, *, by: Principal, version: int | None = None) -> Review:
        """Let others look at it: one's own claim, or as whoever assigns anybody's."""
        review = await self._store.get(Review, review_id)
        _require_version(review, version)
        claim = review.claimed_by(now_us=await self._store.now_us())
        if claim is None:
            raise Conflict(
                "review_not_claimed",
                "nobody has claimed it",
                where=review_id,
                remedy="nothing to do: anybody may look at it",
            )
        if claim.person != by.person:
            self._permits.require(by, "review.assign", about(review))
        after = replace(review.after(ReviewCommand.HOLD), claim=None)
        await self._write(after, EventKind.REVIEW_RELEASED, {"by": by.name, "from": claim.name})
        return after

    async def assign(self, review_id: str, *, to: str, by: Principal, version: int | None = None) -> Review:
        """Give it to one person (by name); nobody else may say yes to it. An empty name gives it to everybody again."""
        review = await self._store.get(Review, review_id)
        _require_version(review, version)
        self._permits.require(by, "review.assign", about(review))
        if to:
            await self._require_active(to)
        after = replace(review.after(ReviewCommand.HOLD), assigned_to=to, claim=None)
        await self._write(after, EventKind.REVIEW_ASSIGNED, {"by": by.name, "to": after.assigned_to})
        return after

    async def _require_active(self, name: str) -> None:
        """What is given to nobody could be approved by nobody."""
        canonical.require_text(name, where="to")
        person = await self._store.find(Person, person_id(name))
        if person is None or person.state is not PersonState.ACTIVE:
            raise Missing("person_unknown", f"nobody called {name[:60]!r} may log in", where="to",
                          remedy="chimera people list names everybody")  # fmt: skip

    # ── ruling ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def approve(
        self, review_id: str, *, by: Principal, digest: str, nonce: str, version: int | None = None
    ) -> Review:
        """Approve exactly the bytes that were shown, as they were shown."""
        review = await self._ruled_on(review_id, by=by, version=version)
        _require_standing(review, by)
        _require_seen(review, digest=digest, nonce=nonce)
        return await self._yes(review, ReviewCommand.APPROVE, by=by, outcome="approved")

    async def approve_batch(self, seen: Sequence[Seen], *, by: Principal) -> tuple[Outcome, ...]:
        """Approve several at once, which is for low risk only. Each stands for itself."""
        if not 0 < len(seen) <= BATCH_MAX:
            raise Invalid(
                "batch_size",
                f"a batch has 1 to {BATCH_MAX} reviews",
                where="batch",
                remedy="approve at most 50 at once",
            )
        return tuple([await self._approve_one(one, by=by) for one in seen])

    async def edit(
        self, review_id: str, *, by: Principal, nonce: str, arguments: dict[str, Any], version: int | None = None
    ) -> Review:
        """Approve other bytes than were proposed. They go through the gate like any."""
        review = await self._ruled_on(review_id, by=by, version=version)
        _require_standing(review, by)
        _require_editable(review)
        _require_seen(review, digest=review.action_digest, nonce=nonce)
        action = _edited(review.question.action, arguments)
        edited = replace(review, question=msgspec.structs.replace(review.question, action=action), first=None)
        return await self._yes(edited, ReviewCommand.EDIT, by=by, outcome="edited", before=review.action_digest)

    async def reject(self, review_id: str, *, by: Principal, reason: str, version: int | None = None) -> Review:
        """Say no, and why. A no needs no second person, and no look at what was claimed by whom but oneself."""
        canonical.require_reason(reason, where="reason")
        review = await self._ruled_on(review_id, by=by, version=version)
        return await self._rule(review, ReviewCommand.REJECT, by=by, outcome="rejected", note=_note(reason))

    async def ask(self, review_id: str, *, by: Principal, question: str, version: int | None = None) -> Review:
        """Ask the operator something; the review waits for the answer."""
        review = await self._ruled_on(review_id, by=by, version=version)
        return await self._rule(review, ReviewCommand.ASK, by=by, outcome="", note=_note(question))

    async def answer(self, review_id: str, *, by: Principal, text: str, version: int | None = None) -> Review:
        """Answer what was asked; the review is open again."""
        review = await self._ruled_on(review_id, by=by, version=version, claimed_counts=False)
        return await self._rule(review, ReviewCommand.ANSWER, by=by, outcome="", note=_note(text))

    async def expire_due(self) -> int:
        """Silence is a no: close what nobody ruled on in time."""
        now_us = await self._store.now_us()
        due = await self._store.list(Review, states=OPEN_STATES, due_before_us=now_us)
        for review in due:
            after = replace(review.after(ReviewCommand.EXPIRE), outcome="expired", claim=None)
            event = Event(
                kind=EventKind.REVIEW_EXPIRED, subject=review.task_id, at_us=now_us, data={"review": review.id}
            )
            await self._store.commit(Change(records=(after,), events=(event,)))
        return len(due)

    # ── how ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _approve_one(self, seen: Seen, *, by: Principal) -> Outcome:
        try:
            review = await self._store.get(Review, seen.review_id)
            _require_low_risk(review)
            ruled = await self.approve(seen.review_id, by=by, digest=seen.digest, nonce=seen.nonce)
        except ChimeraError as error:
            return Outcome(review_id=seen.review_id, code=error.code, message=error.message)
        return Outcome(review_id=seen.review_id, review=ruled)

    async def _ruled_on(
        self, review_id: str, *, by: Principal, version: int | None = None, claimed_counts: bool = True
    ) -> Review:
        review = await self._store.get(Review, review_id)
        self._permits.require(by, "review.rule", about(review))
        _require_version(review, version)
        now_us = await self._store.now_us()
        if now_us >= review.deadline_us:
            raise Refused(
                "review_expired",
                "the time to rule has passed",
                where=review_id,
                remedy="the task is planned again if it is still wanted",
            )
        claim = review.claimed_by(now_us=now_us)
        if claimed_counts and claim is not None and claim.person != by.person:
            raise Refused("review_claimed", f"{claim.name} is looking at it", where=review_id,
                          remedy="wait until the claim runs out, or have it released")  # fmt: skip
        if review.assigned_to not in ("", by.name):
            raise Refused("review_assigned", f"it is for {review.assigned_to}", where=review_id,
                          remedy="have it assigned to you")  # fmt: skip
        return review

    async def _yes(
        self, review: Review, command: ReviewCommand, *, by: Principal, outcome: str, before: str = ""
    ) -> Review:
        """One person's yes, which is enough unless the pack wants two for this class."""
        if review.about != "action" or quorum.needed(review.question, await self._bands_now()) == 1:
            return await self._rule(review, command, by=by, outcome=outcome, before=before)
        first = review.first
        if first is None or first.digest != review.action_digest:
            return await self._first_yes(review, by=by, before=before)
        if first.person == by.person:
            raise Refused("second_person_needed", f"{by.name} has said yes; somebody else has to", where=review.id,
                          remedy="ask another person with the role")  # fmt: skip
        return await self._rule(review, command, by=by, outcome=outcome, before=before, first=first)

    async def _bands_now(self) -> Bands:
        """Those of the policy that a person put in force; as long as there is none, those that are shipped."""
        standing = await in_force(self._store)
        return bands_of(standing.files) if standing else self._bands

    async def _first_yes(self, review: Review, *, by: Principal, before: str) -> Review:
        now_us = await self._store.now_us()
        approver = msgspec.structs.replace(by.approver, word=self._word(
            review, by, task_id=review.task_id, digest=review.action_digest, since_us=max(now_us, review.deadline_us),
        ))  # fmt: skip
        first = Approval(person=by.person, approver=approver, digest=review.action_digest, at_us=now_us)
        after = replace(review.after(ReviewCommand.HOLD), first=first, claim=None)
        await self._commit_ruling(after, by.approver, ruling="first_yes", note="", before=before)
        return after

    async def _rule(
        self, review: Review, command: ReviewCommand, *, by: Principal, outcome: str, note: str = "", before: str = "",
        first: Approval | None = None,
    ) -> Review:  # fmt: skip
        now_us = await self._store.now_us()
        held_us = review.held_us + (now_us - review.claim.since_us if review.claim else 0)
        approver = _both(first, by) if first else by.approver
        word = await self._word_for(review, command, by, now_us=now_us)
        approver = msgspec.structs.replace(approver, word=wording.together(approver.word, word))
        after = replace(
            review.after(command), approver=approver, outcome=outcome, note=note or review.note, claim=None,
            ruled_at_us=now_us, held_us=held_us,
        )  # fmt: skip
        await self._commit_ruling(after, approver, ruling=str(command), note=note, before=before)
        return after

    async def _word_for(self, review: Review, command: ReviewCommand, by: Principal, *, now_us: int) -> str:
        """The person's signed word for the bytes that this ruling wants to happen, if it wants any."""
        if review.about == "action" and command in (ReviewCommand.APPROVE, ReviewCommand.EDIT):
            return self._word(review, by, task_id=review.task_id, digest=review.action_digest, since_us=now_us)
        is_post = review.question.action.kind in POST_KINDS
        if review.about == AFTERWARDS and command is ReviewCommand.REJECT and is_post:
            performance = await self._store.get(Performance, review.grant_id)
            grant = await self._store.get(Grant, review.grant_id)
            digest = take_down_of(grant.action, performance.receipt).digest
            return self._word(review, by, task_id=review.order_id, digest=digest, since_us=now_us)
        return ""

    def _word(self, review: Review, by: Principal, *, task_id: str, digest: str, since_us: int) -> str:
        if self._sign is None:
            return ""
        word = Word(person=by.person, name=by.name, role=by.approver.role, risk=review.question.risk,
                    until_us=since_us + APPROVAL_SECONDS * 1_000_000)  # fmt: skip
        return wording.given(self._sign, word, task_id=task_id, digest=digest)

    async def _commit_ruling(self, after: Review, by: Approver, *, ruling: str, note: str, before: str) -> None:
        data = {
            "ruling": ruling, "by": by.names, "role": by.role, "note": note, "digest": before or after.action_digest,
            "digest_after": after.action_digest, "policy": after.policy[:16], "about": after.about,
        }  # fmt: skip
        await self._write(after, EventKind.REVIEW_RULED, data)

    async def _write(self, after: Review, kind: EventKind, data: dict[str, Any]) -> None:
        now_us = await self._store.now_us()
        event = Event(kind=kind, subject=after.task_id, at_us=now_us, data={"review": after.id, **data})
        await self._store.commit(Change(records=(after,), events=(event,)))


def about(review: Review) -> Resource:
    """A review, for whoever says who may rule on it."""
    return Resource(kind="review", id=review.id, agent=review.agent_id, campaign=review.campaign_id)


def is_low_risk(review: Review) -> bool:
    """Whether it may be approved beside others: nothing that a stranger shaped, that pays, or that is risky."""
    question = review.question
    plain = question.risk == "ordinary" and question.threat == "LOW" and not question.shaped
    cheap = question.action.cost_micros <= BATCH_COST_MICROS_MAX and not question.action.recipient
    return plain and cheap and review.about == "action" and review.role == "reviewer"


def _require_low_risk(review: Review) -> None:
    if not is_low_risk(review):
        raise Refused("review_not_batchable", "this is not of low risk", where=review.id, remedy="look at it singly")


def _require_editable(review: Review) -> None:
    """What has gone out, or may have, is asked about as it was."""
    if review.about == "doubt":
        raise Refused("doubt_not_editable", "the question is whether it happened, as it was", where=review.id,
                      remedy="approve: it happened; reject: it did not")  # fmt: skip
    if review.about == AFTERWARDS:
        raise Refused("afterwards_not_editable", "it has gone out already, as it was", where=review.id,
                      remedy="approve: it stays; reject: a post is taken down, and whoever was paid is paid no "
                             "more")  # fmt: skip


def _require_seen(review: Review, *, digest: str, nonce: str) -> None:
    """What is approved is what was seen: these bytes, and nothing that happened to the review since."""
    if review.action_digest != digest:
        raise Conflict(
            "review_bytes_differ",
            "the action is not the one that was shown",
            where=review.id,
            remedy="look at it again",
        )
    if review.nonce != nonce:
        raise Conflict("review_seen_before", "somebody has done something with it since you looked", where=review.id,
                       remedy="look at it again")  # fmt: skip


def _require_version(review: Review, version: int | None) -> None:
    if version is not None and review.version != version:
        raise Conflict("version_stale", f"the review is at version {review.version}, not {version}", where=review.id,
                       remedy="look at it again")  # fmt: skip


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


def _both(first: Approval, by: Principal) -> Approver:
    """Two people as one approver, with the lower role of the two."""
    lower = min((first.approver, by.approver), key=lambda approver: RULERS.index(approver.role))
    return Approver(name=by.name, role=lower.role, second=first.approver.name, word=first.approver.word)


def _edited(action: Action, arguments: dict[str, Any]) -> Action:
    canonical.require_plain(arguments, where="arguments")
    edited = msgspec.structs.replace(action, arguments={**action.arguments, **arguments})
    if len(edited.content) > ARGUMENT_BYTES_MAX:
        raise Invalid(
            "edit_too_large",
            f"an action has at most {ARGUMENT_BYTES_MAX} bytes",
            where="arguments",
            remedy="shorten it",
        )
    if edited.digest == action.digest:
        raise Invalid(
            "edit_changes_nothing", "the edit changes nothing", where="arguments", remedy="approve it instead"
        )
    return edited


def _note(text: str) -> str:
    canonical.require_text(text, where="note")
    if not text.strip() or len(text) > NOTE_LENGTH_MAX:
        raise Invalid(
            "note_length",
            f"a note has 1 to {NOTE_LENGTH_MAX} characters",
            where="note",
            remedy="write 1 to 2000 characters",
        )
    return text
