"""A review: a held action that waits for a person. Bound to the exact bytes; silence is a no."""

from __future__ import annotations

from enum import StrEnum

from msgspec.structs import replace

from chimera.domain.decision import Approver, Question
from chimera.domain.machine import Machine
from chimera.domain.record import Record, next_version, shard_of

REVIEW_SECONDS = 24 * 3600
CLAIM_SECONDS = 15 * 60
AFTERWARDS_SECONDS = 7 * 24 * 3600
AFTERWARDS = "afterwards"


class ReviewState(StrEnum):
    """Where a review is."""

    OPEN = "open"
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
    EXPIRE = "expire"
    CLOSE = "close"
    CLAIM = "claim"
    FREE = "free"


_S, _C = ReviewState, ReviewCommand
REVIEW_MACHINE = Machine(
    "review",
    ReviewState,
    ReviewCommand,
    {
        (_S.OPEN, _C.APPROVE): _S.APPROVED,
        (_S.OPEN, _C.EDIT): _S.EDITED,
        (_S.OPEN, _C.REJECT): _S.REJECTED,
        (_S.OPEN, _C.ASK): _S.ASKED,
        (_S.OPEN, _C.EXPIRE): _S.EXPIRED,
        (_S.OPEN, _C.CLAIM): _S.OPEN,
        (_S.OPEN, _C.FREE): _S.OPEN,
        (_S.ASKED, _C.CLAIM): _S.ASKED,
        (_S.ASKED, _C.FREE): _S.ASKED,
        (_S.ASKED, _C.ANSWER): _S.OPEN,
        (_S.ASKED, _C.REJECT): _S.REJECTED,
        (_S.ASKED, _C.EXPIRE): _S.EXPIRED,
        (_S.APPROVED, _C.CLOSE): _S.CLOSED,
        (_S.EDITED, _C.CLOSE): _S.CLOSED,
        (_S.REJECTED, _C.CLOSE): _S.CLOSED,
        (_S.EXPIRED, _C.CLOSE): _S.CLOSED,
    },
)


class Review(Record, frozen=True, kw_only=True):
    """One held action with everything that a person needs to decide. `question` holds its exact bytes.

    `about` is `action` (may it happen?), `doubt` (did it happen?) or `afterwards` (it happened: was it right?). A ruled
    review is closed by the manager of its shard when it has acted on the ruling; `outcome` keeps what was ruled.
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
    assignee: str = ""
    claimed_until_us: int = 0
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

    def claimed_by(self, at_us: int) -> str:
        """Who is looking at it now; nobody when the claim has run out."""
        return self.assignee if at_us < self.claimed_until_us else ""

    def after(self, command: ReviewCommand) -> Review:
        """The review after a command, or a named refusal."""
        return replace(next_version(self), state=REVIEW_MACHINE.after(self.state, command))
