"""A review: a held action that waits for a person. Bound to the exact bytes; silence is a no."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from chimera.domain import canonical, ids
from chimera.domain.decision import Approver, Question
from chimera.domain.machine import Machine
from chimera.domain.record import Record, next_version, shard_of

REVIEW_SECONDS = 24 * 3600
AFTERWARDS_SECONDS = 7 * 24 * 3600
AFTERWARDS = "afterwards"
# An approval that nobody could act on for a day was given about another world.
APPROVAL_SECONDS = 24 * 3600
CLAIM_SECONDS = 15 * 60
OPEN_STATES = ("open", "asked", "owed")


class ReviewState(StrEnum):
    """Where a review is."""

    OPEN = "open"
    OWED = "owed"
    ASKED = "asked"
    APPROVED = "approved"
    EDITED = "edited"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CLOSED = "closed"


class ReviewCommand(StrEnum):
    """What a person, or time, can do to it."""

    APPROVE = "approve"
    EDIT = "edit"
    REJECT = "reject"
    ASK = "ask"
    ANSWER = "answer"
    HOLD = "hold"
    EXPIRE = "expire"
    CLOSE = "close"


_S, _C = ReviewState, ReviewCommand
REVIEW_MACHINE = Machine(
    "review",
    ReviewState,
    ReviewCommand,
    {
        (_S.OPEN, _C.HOLD): _S.OPEN,
        (_S.OPEN, _C.APPROVE): _S.APPROVED,
        (_S.OPEN, _C.EDIT): _S.EDITED,
        (_S.OPEN, _C.REJECT): _S.REJECTED,
        (_S.OPEN, _C.ASK): _S.ASKED,
        (_S.OPEN, _C.EXPIRE): _S.EXPIRED,
        # What it asks about will not happen any more: its campaign was cancelled.
        (_S.OPEN, _C.CLOSE): _S.CLOSED,
        (_S.ASKED, _C.HOLD): _S.ASKED,
        (_S.OWED, _C.HOLD): _S.OWED,
        (_S.OWED, _C.APPROVE): _S.APPROVED,
        (_S.OWED, _C.REJECT): _S.REJECTED,
        (_S.OWED, _C.EXPIRE): _S.EXPIRED,
        (_S.ASKED, _C.ANSWER): _S.OPEN,
        (_S.ASKED, _C.REJECT): _S.REJECTED,
        (_S.ASKED, _C.EXPIRE): _S.EXPIRED,
        (_S.ASKED, _C.CLOSE): _S.CLOSED,
        (_S.APPROVED, _C.CLOSE): _S.CLOSED,
        (_S.EDITED, _C.CLOSE): _S.CLOSED,
        (_S.REJECTED, _C.CLOSE): _S.CLOSED,
        (_S.EXPIRED, _C.CLOSE): _S.CLOSED,
    },
)


def nonce_of(review_id: str, *, version: int, digest: str) -> str:
    """Names what somebody saw: a review, at a version, with these bytes."""
    return canonical.sha256_hex(f"{review_id} {version} {digest}".encode())[:32]


class Claim(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who looks at it now, until when. A lock that opens by itself."""

    person: str
    name: str
    since_us: int
    until_us: int


class Approval(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A yes of one person to exact bytes, where two are needed."""

    person: str
    approver: Approver
    digest: str
    at_us: int


class Review(Record, frozen=True, kw_only=True):
    """One held action with everything that a person needs to decide. `question` holds its exact bytes.

    `about` is `action` (may it happen?), `doubt` (did it happen?) or `afterwards` (should it stay? then it is owed, not
    open). A ruled review is closed by the manager of its shard when it has acted on the ruling; `outcome` keeps what
    was ruled.
    """

    task_id: str
    campaign_id: str
    agent_id: str
    question: Question
    reasons: tuple[str, ...]
    role: str
    opened_at_us: int
    deadline_us: int
    approver: Approver | None = None
    note: str = ""
    outcome: str = ""
    about: str = "action"
    policy: str = ""
    grant_id: str = ""
    assigned_to: str = ""
    claim: Claim | None = None
    first: Approval | None = None
    held_us: int = 0
    ruled_at_us: int = 0
    state: ReviewState = ReviewState.OPEN

    @property
    def scope(self) -> str:
        return self.task_id

    @property
    def shard(self) -> int:
        return shard_of(self.campaign_id)

    @property
    def due_us(self) -> int:
        return self.deadline_us

    @property
    def action_digest(self) -> str:
        """The hash of the bytes that an approval is bound to."""
        return self.question.action.digest

    @property
    def nonce(self) -> str:
        """Names what was seen: this review, at this version, with these bytes. Good for one ruling."""
        return nonce_of(self.id, version=self.version, digest=self.action_digest)

    @property
    def order_id(self) -> str:
        """The task in which what it is about is taken down, if that is what was ruled."""
        return ids.derive(self.id, "take down")

    def claimed_by(self, *, now_us: int) -> Claim | None:
        """Whose it is now, if anybody's."""
        return self.claim if self.claim and now_us < self.claim.until_us else None

    def after(self, command: ReviewCommand) -> Review:
        """The review after a command, or a named refusal."""
        return replace(next_version(self), state=REVIEW_MACHINE.after(self.state, command))


class Decoy(Record, frozen=True, kw_only=True):
    """Says of a review (the same id) that it is planted, and what the right answer is. Never shown with it.

    `like_task` is the task of the review that it imitates: what was read for that one is shown with this one too.
    """

    answer: str
    planted_by: str
    planted_at_us: int
    like_task: str = ""


class Remark(Record, frozen=True, kw_only=True):
    """A private note of one person about one review."""

    review_id: str
    person_id: str
    text: str
    at_us: int

    @property
    def scope(self) -> str:
        return self.review_id
