"""What the API answers, as far as this client reads it. A test holds every field to the API's description.

What the API says beyond that is passed over, so that an older client reads a newer house.
"""

from __future__ import annotations

from msgspec import Struct

from chimera.domain.review import Review


class BatchOutcome(Struct, frozen=True, kw_only=True):
    """What came of one of many rulings."""

    id: str
    ok: bool
    detail: str


class BatchAnswer(Struct, frozen=True, kw_only=True):
    """What came of each."""

    outcomes: tuple[BatchOutcome, ...]


class Session(Struct, frozen=True, kw_only=True):
    """Who one is, and what one may do."""

    person: str
    name: str
    roles: tuple[str, ...]
    permitted: tuple[str, ...]
    timezone: str


class Tally(Struct, frozen=True, kw_only=True):
    """What happened today. `is_whole` is false while not all of the day was counted."""

    published: int
    failed: int
    granted: int
    held: int
    refused: int
    settled: int
    is_whole: bool = True


class WindowShown(Struct, frozen=True, kw_only=True):
    """A budget window."""

    cap_micros: int
    held_micros: int
    spent_micros: int


class HeldBack(Struct, frozen=True, kw_only=True):
    """A task type that waits because models turn its work away."""

    task_type: str
    assignments_at_once: int
    models: tuple[str, ...]


class FleetSummary(Struct, frozen=True, kw_only=True):
    """The fleet at a glance."""

    at_us: int
    agents: dict[str, int]
    tasks: dict[str, int]
    reviews: dict[str, int]
    today: Tally
    autonomy_bp: int | None
    spent_today: WindowShown | None
    oldest_ready_us: int
    oldest_review_us: int
    next_deadline_us: int
    halted: tuple[str, ...]
    held_back: tuple[HeldBack, ...] = ()
    # A house that was not updated yet does not say it.
    managers: int | None = None


class ReviewRow(Struct, frozen=True, kw_only=True):
    """One line of the desk."""

    id: str
    version: int
    state: str
    about: str
    kind: str
    platform: str
    account: str
    agent_name: str
    text: str
    digest: str
    risk: str
    threat: str
    tainted: bool
    confidence_bp: int
    cost_micros: int
    reasons: tuple[str, ...]
    opened_at_us: int
    deadline_us: int
    assignee: str
    claimed_by: str
    first_yes_by: str
    may_batch: bool


class FiredRule(Struct, frozen=True, kw_only=True):
    """A rule that fired, in words."""

    rule: str
    text: str


class ReviewItem(Struct, frozen=True, kw_only=True):
    """Everything that a person needs to rule."""

    id: str
    version: int
    row: ReviewRow
    review: Review
    rules: tuple[FiredRule, ...]
    findings: tuple[str, ...]
    fits_budget: bool
    may_rule: bool


class AgentRow(Struct, frozen=True, kw_only=True):
    """One agent of the grid."""

    id: str
    version: int
    name: str
    persona: str
    state: str
    halted: bool
    spent_micros: int
    cap_micros: int


class CampaignRow(Struct, frozen=True, kw_only=True):
    """One campaign of the list."""

    id: str
    version: int
    state: str
    agent_id: str
    agent_name: str
    plans: int
    opened_at_us: int
    halted: bool


class HaltPreview(Struct, frozen=True, kw_only=True):
    """What a halt would stop."""

    scope: str
    halted_already: bool
    agents: int
    campaigns: int
    sent_already: int
    in_words: str


class Topic(Struct, frozen=True, kw_only=True):
    """What changed of one kind of thing."""

    count: int
    ids: tuple[str, ...]
    more: bool


class Frame(Struct, frozen=True, kw_only=True):
    """What changed since the frame before."""

    at_us: int
    oldest_us: int
    topics: dict[str, Topic]
