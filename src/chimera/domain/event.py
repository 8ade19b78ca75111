"""History: events in hash chains, one per writer. `hash = sha256(prev ‖ seq ‖ sha256(body))`. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any

from msgspec import Struct

from chimera.domain import canonical

GENESIS = bytes(32)


class EventKind(StrEnum):
    """Everything that can be said to have happened. Each has a heading in docs/reference/events.md."""

    WRITER_OPENED = "WRITER_OPENED"
    AGENT_INSTALLED = "AGENT_INSTALLED"
    AGENT_CHANGED = "AGENT_CHANGED"
    AGENT_REHEARSED = "AGENT_REHEARSED"
    CAP_SET = "CAP_SET"
    REVENUE_BOOKED = "REVENUE_BOOKED"
    INPUT_ADMITTED = "INPUT_ADMITTED"
    INPUT_REFUSED = "INPUT_REFUSED"
    INPUT_ESCALATED = "INPUT_ESCALATED"
    INPUT_DROPPED = "INPUT_DROPPED"
    REQUEST_VALIDATED = "REQUEST_VALIDATED"
    CAMPAIGN_OPENED = "CAMPAIGN_OPENED"
    CAMPAIGN_CHANGED = "CAMPAIGN_CHANGED"
    PLAN_ADOPTED = "PLAN_ADOPTED"
    PLAN_REFUSED = "PLAN_REFUSED"
    DRAFT_JUDGED = "DRAFT_JUDGED"
    WORK_FAILED = "WORK_FAILED"
    WORK_HELD_BACK = "WORK_HELD_BACK"
    WORK_LET_GO = "WORK_LET_GO"
    TASK_POSTPONED = "TASK_POSTPONED"
    VARIANTS_CHOSEN = "VARIANTS_CHOSEN"
    POST_MEASURED = "POST_MEASURED"
    TASK_RESCHEDULED = "TASK_RESCHEDULED"
    TASK_CANCELLED = "TASK_CANCELLED"
    TASK_REDRIVEN = "TASK_REDRIVEN"
    ACTION_GRANTED = "ACTION_GRANTED"
    ACTION_ESCALATED = "ACTION_ESCALATED"
    ACTION_DENIED = "ACTION_DENIED"
    GRANTS_SEALED = "GRANTS_SEALED"
    GRANT_LAPSED = "GRANT_LAPSED"
    REVIEW_RULED = "REVIEW_RULED"
    REVIEW_EXPIRED = "REVIEW_EXPIRED"
    REVIEW_OWED = "REVIEW_OWED"
    REVIEW_CLAIMED = "REVIEW_CLAIMED"
    REVIEW_RELEASED = "REVIEW_RELEASED"
    REVIEW_ASSIGNED = "REVIEW_ASSIGNED"
    REVIEW_CLOSED = "REVIEW_CLOSED"
    TAKE_DOWN_ORDERED = "TAKE_DOWN_ORDERED"
    REMARK_KEPT = "REMARK_KEPT"
    DECOY_PLANTED = "DECOY_PLANTED"
    EFFECT_STARTED = "EFFECT_STARTED"
    EFFECT_RESENT = "EFFECT_RESENT"
    EFFECT_FINISHED = "EFFECT_FINISHED"
    EFFECT_FAILED = "EFFECT_FAILED"
    EFFECT_IN_DOUBT = "EFFECT_IN_DOUBT"
    TASK_SETTLED = "TASK_SETTLED"
    MODEL_COST_HELD = "MODEL_COST_HELD"
    MODEL_COST_RELEASED = "MODEL_COST_RELEASED"
    TRANSFER_RESERVED = "TRANSFER_RESERVED"
    TRANSFER_SENT = "TRANSFER_SENT"
    TRANSFER_SEEN = "TRANSFER_SEEN"
    HALTED = "HALTED"
    PAUSED = "PAUSED"
    RESUMED = "RESUMED"
    HALT_OUTLIVED = "HALT_OUTLIVED"
    DATA_READ = "DATA_READ"
    RECORDS_DROPPED = "RECORDS_DROPPED"
    MEDIA_DROPPED = "MEDIA_DROPPED"
    PERSON_EXPORTED = "PERSON_EXPORTED"
    PERSON_ERASED = "PERSON_ERASED"
    CONSENT_CHANGED = "CONSENT_CHANGED"
    POLICY_PROPOSED = "POLICY_PROPOSED"
    POLICY_APPLIED = "POLICY_APPLIED"
    POLICY_WITHDRAWN = "POLICY_WITHDRAWN"
    CHECKPOINT_SIGNED = "CHECKPOINT_SIGNED"
    TOOL_PINNED = "TOOL_PINNED"
    TOOL_REVOKED = "TOOL_REVOKED"
    AGENT_KEY_SET = "AGENT_KEY_SET"
    AGENT_KEY_REVOKED = "AGENT_KEY_REVOKED"
    PEER_SEEN = "PEER_SEEN"
    PEER_ALLOWED = "PEER_ALLOWED"
    PEER_BLOCKED = "PEER_BLOCKED"
    ACCESS_ASKED = "ACCESS_ASKED"
    ACCESS_ADMITTED = "ACCESS_ADMITTED"
    ACCESS_REFUSED = "ACCESS_REFUSED"
    ACCESS_CODED = "ACCESS_CODED"
    ACCESS_OPENED = "ACCESS_OPENED"
    ACCESS_RENEWED = "ACCESS_RENEWED"
    ACCESS_REVOKED = "ACCESS_REVOKED"
    PERSON_ADDED = "PERSON_ADDED"
    PERSON_CHANGED = "PERSON_CHANGED"
    LOGIN_TRIED = "LOGIN_TRIED"
    LOGIN_REFUSED = "LOGIN_REFUSED"
    LOGGED_IN = "LOGGED_IN"
    LOGGED_OUT = "LOGGED_OUT"
    SESSION_SEEN = "SESSION_SEEN"
    TOKEN_ISSUED = "TOKEN_ISSUED"  # noqa: S105 – a kind of event
    TOKEN_REVOKED = "TOKEN_REVOKED"  # noqa: S105 – a kind of event
    WEBHOOK_SET = "WEBHOOK_SET"
    WEBHOOK_CHANGED = "WEBHOOK_CHANGED"
    MEMORY_KEPT = "MEMORY_KEPT"
    MEMORY_LABELLED = "MEMORY_LABELLED"
    MEMORY_FORGOTTEN = "MEMORY_FORGOTTEN"


# Who may log in, who tried to, who looked at what, whose data were asked for: for whoever may see the people here.
OF_PEOPLE = frozenset({
    EventKind.PERSON_ADDED, EventKind.PERSON_CHANGED, EventKind.PERSON_EXPORTED, EventKind.PERSON_ERASED,
    EventKind.LOGIN_TRIED, EventKind.LOGIN_REFUSED, EventKind.LOGGED_IN, EventKind.LOGGED_OUT,
    EventKind.SESSION_SEEN, EventKind.TOKEN_ISSUED, EventKind.TOKEN_REVOKED, EventKind.DATA_READ,
})  # fmt: skip


class Event(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that happened. Its canonical bytes go into the chain."""

    kind: EventKind
    subject: str
    at_us: int
    data: dict[str, Any] = {}

    @property
    def content(self) -> bytes:
        """The exact bytes that are hashed and stored."""
        return canonical.encode(self)


class Link(Struct, frozen=True, kw_only=True):
    """An event as it stands in a chain."""

    writer: str
    seq: int
    body: bytes
    hash: bytes


BEGINNING = Link(writer="", seq=0, body=b"", hash=GENESIS)


class Flaw(Struct, frozen=True, kw_only=True):
    """Where a chain does not verify, and what differs."""

    writer: str
    seq: int
    what: str

    def __str__(self) -> str:
        return f"chain {self.writer}, sequence {self.seq}: {self.what}"


def link_hash(previous: bytes, seq: int, body: bytes) -> bytes:
    """The hash of one link."""
    return hashlib.sha256(previous + seq.to_bytes(8, "big") + hashlib.sha256(body).digest()).digest()


def verify(writer: str, links: Iterable[Link], *, head_seq: int, head_hash: bytes) -> Iterator[Flaw]:
    """Every place where the chain differs from what its writer committed, in order."""
    last = BEGINNING
    for link in links:
        yield from verify_page(writer, (link,), after=last)
        last = link
    yield from verify_end(writer, last, head_seq=head_seq, head_hash=head_hash)


def verify_page(writer: str, links: Iterable[Link], *, after: Link) -> Iterator[Flaw]:
    """Every flaw in a part of the chain that follows a link; a long chain is verified page by page."""
    for link in links:
        yield from _missing(writer, after.seq + 1, link.seq)
        if link_hash(after.hash, link.seq, link.body) != link.hash:
            yield Flaw(writer=writer, seq=link.seq, what="the body or its place in the chain differs from its hash")
        after = link


def verify_end(writer: str, last: Link, *, head_seq: int, head_hash: bytes) -> Iterator[Flaw]:
    """Whether the chain ends where its head says."""
    yield from _missing(writer, last.seq + 1, head_seq + 1)
    if last.seq == head_seq and last.hash != head_hash:
        yield Flaw(writer=writer, seq=head_seq, what="the last hash differs from the chain's head")
    if last.seq > head_seq:
        yield Flaw(writer=writer, seq=head_seq + 1, what="there are events beyond the chain's head")


def _missing(writer: str, expected: int, found: int) -> Iterator[Flaw]:
    if found > expected:
        span = f"sequence {expected}" if found == expected + 1 else f"sequences {expected} to {found - 1}"
        yield Flaw(writer=writer, seq=expected, what=f"{span} missing")
    if found < expected:
        yield Flaw(writer=writer, seq=found, what="out of order or twice")
