"""The desk: what waits for a person, everything about it, and the rulings. A ruling is an input to the gate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from fastapi import Query
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field

from chimera.api import evidence, paging
from chimera.api.evidence import FiredRule, Span
from chimera.api.fleet import WindowShown, shown_window
from chimera.api.guard import Version, Who
from chimera.api.paging import PAGE, After, Page
from chimera.api.route import Needs, Route
from chimera.api.words import Cursor, Id, IdFilter, Limit, Note, Word, require_id
from chimera.domain.agent import Agent, Persona
from chimera.domain.attempt import Attempt, latest
from chimera.domain.errors import ChimeraError
from chimera.domain.labels import is_tainted
from chimera.domain.person import Principal
from chimera.domain.review import Review, nonce_of
from chimera.domain.work import Material
from chimera.governance.identity.permits import Permits
from chimera.governance.reviews import BATCH_MAX, Reviews, Seen, about, is_low_risk
from chimera.governance.treasury import Treasury
from chimera.ports.views import ReviewQuery, Views

TEXT_MAX = 280
RULABLE = ("open", "owed")
State = Annotated[
    Literal["open", "owed", "asked", "approved", "edited", "rejected", "expired", "closed"],
    Query(description="where it is"),
]

Order = Annotated[Literal["deadline", "newest"], Query(description="the most urgent first, or the newest")]


class ReviewRow(Struct, frozen=True, kw_only=True):
    """One line of the desk."""

    id: str
    version: int
    state: str
    about: str
    kind: str
    platform: str
    account: str
    agent_id: str
    agent_name: str
    campaign_id: str
    task_id: str
    text: str
    digest: str
    risk: str
    role: str
    threat: str
    tainted: bool
    confidence_bp: int
    cost_micros: int
    reasons: tuple[str, ...]
    opened_at_us: int
    deadline_us: int
    assignee: str
    claimed_by: str
    claimed_until_us: int
    first_yes_by: str
    outcome: str
    may_batch: bool


class ReviewItem(Struct, frozen=True, kw_only=True):
    """Everything that a person needs to rule on it. `digest` is what an approval is bound to."""

    id: str
    version: int
    row: ReviewRow
    review: Review
    persona: Persona | None
    rules: tuple[FiredRule, ...]
    spans: tuple[Span, ...]
    sources: tuple[Material, ...]
    output: dict[str, Any]
    findings: tuple[str, ...]
    windows: tuple[WindowShown, ...]
    fits_budget: bool
    now_us: int
    may_rule: bool


class BatchOutcome(Struct, frozen=True, kw_only=True):
    """What came of one of many."""

    id: str
    ok: bool
    version: int = 0
    state: str = ""
    code: str = ""
    detail: str = ""


class BatchAnswer(Struct, frozen=True, kw_only=True):
    """What came of each."""

    outcomes: tuple[BatchOutcome, ...]


LOOKED_AT: Any = {"id": "00000000-0000-7000-8000-000000000001", "version": 1, "digest": "0" * 64}
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class YesGiven(BaseModel):
    """Yes, to exactly these bytes."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"digest": "0" * 64}]})

    digest: Digest


class Edit(BaseModel):
    """Yes, to other arguments than those with this digest. They are new bytes, and go through the gate like any."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"digest": "0" * 64, "arguments": {"text": "better"}}]}
    )

    digest: Digest
    arguments: Annotated[dict[Annotated[str, Field(max_length=100)], Any], Field(min_length=1, max_length=50)]


class NoGiven(BaseModel):
    """No, and why."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"reason": "it promises a date that nobody has set"}]}
    )

    reason: Note


class WordsGiven(BaseModel):
    """What one has to know first; or the answer to it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"text": "who says so?"}]})

    text: Note


class NameGiven(BaseModel):
    """Whose it is: a person's name; empty for everybody again."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"to": "rita"}]})

    to: Annotated[str, Field(max_length=60)]


class BatchItem(BaseModel):
    """One of many, as it was looked at."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [LOOKED_AT]},
    )

    id: Annotated[str, Field(max_length=36)]
    version: Annotated[int, Field(ge=1, le=10**15)]
    digest: Digest


class ManyGiven(BaseModel):
    """The same ruling on many of low risk."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "command": "approve",
                    "items": [LOOKED_AT],
                }
            ]
        },
    )

    command: Literal["approve", "reject"]
    items: Annotated[list[BatchItem], Field(min_length=1, max_length=BATCH_MAX)]
    reason: Annotated[str, Field(max_length=2_000)] = ""


class ReviewRoutes:
    """`/v1/reviews`."""

    def __init__(self, *, views: Views, reviews: Reviews, permits: Permits, treasury: Treasury) -> None:
        self._views = views
        self._reviews = reviews
        self._permits = permits
        self._treasury = treasury

    def routes(self) -> Iterator[Route]:
        """What is served."""
        see, rule, one = (
            Needs("review.look", narrowed=True),
            Needs("review.rule", narrowed=True),
            "/v1/reviews/{review_id}",
        )
        yield Route(method="GET", path="/v1/reviews", endpoint=self.list, needs=see, answer=Page[ReviewRow])
        yield Route(method="POST", path="/v1/reviews/batch", endpoint=self.batch, needs=rule, answer=BatchAnswer)
        yield Route(method="GET", path=one, endpoint=self.show, needs=see, answer=ReviewItem)
        for name, endpoint in (
            ("claim", self.claim), ("release", self.release), ("approve", self.approve), ("edit", self.edit),
            ("reject", self.reject), ("ask", self.ask), ("answer", self.answer),
        ):  # fmt: skip
            yield Route(method="POST", path=f"{one}/{name}", endpoint=endpoint, needs=rule, answer=Review)
        yield Route(method="POST", path=f"{one}/assign", endpoint=self.assign, answer=Review,
                    needs=Needs("review.assign", narrowed=True))  # fmt: skip

    # ── looking ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def list(
        self, state: State = "open", risk: Word = "", agent: IdFilter = "",
        assignee: Annotated[str, Query(max_length=200)] = "", order: Order = "deadline", cursor: Cursor = "",
        limit: Limit = PAGE, *, who: Who,
    ) -> Page[ReviewRow]:  # fmt: skip
        """What waits, by deadline."""
        after = paging.decode(cursor, After)
        found = await self._views.reviews(ReviewQuery(
            state=state, risk=risk, agent_id=agent, assignee=assignee.replace("\x00", ""),
            newest_first=order == "newest",
            after=(after.order, require_id(after.id, where="cursor")) if after else None, limit=limit,
        ))  # fmt: skip
        agents = await self._views.get_many(Agent, sorted({one.agent_id for one in found}))
        names, now_us = {one.id: one.name for one in agents}, await self._views.now_us()
        rows = tuple(_row(one, names.get(one.agent_id, ""), now_us) for one in found if self._may_see(who, one))
        last = found[-1] if len(found) == limit else None
        return Page(items=rows, next=paging.encode(After(last.due_us, last.id)) if last else "")

    async def show(self, review_id: Id, who: Who) -> ReviewItem:
        """One review with the exact bytes, whose words shaped it, the rules that fired, and what it would cost."""
        review = await self._views.get(Review, review_id)
        self._permits.require(who, "review.look", about(review))
        agent = await self._views.find(Agent, review.agent_id)
        attempt = latest(await self._views.list(Attempt, scope=review.task_id))
        now_us = await self._views.now_us()
        wanted = self._treasury.windows_for(agent_id=review.agent_id, campaign_id=review.campaign_id, at_us=now_us)
        windows = await self._views.windows(wanted)
        sources = evidence.sources_of(attempt)
        cost_micros = review.question.action.cost_micros
        return ReviewItem(
            id=review.id, version=review.version, row=_row(review, agent.name if agent else "", now_us), review=review,
            persona=agent.persona if agent else None, rules=evidence.rules_of(review),
            spans=evidence.spans_of(review, sources), sources=sources, output=attempt.draft.output if attempt else {},
            findings=attempt.verdict.findings if attempt else (), windows=tuple(map(shown_window, windows)),
            fits_budget=all(window.room_micros >= cost_micros for window in windows), now_us=now_us,
            may_rule=self._may_rule(who, review, now_us),
        )  # fmt: skip

    def _may_see(self, who: Principal, review: Review) -> bool:
        """Whoever may look at all sees everything, unless their roles end somewhere."""
        return not who.within or self._permits.may(who, "review.look", about(review))

    def _may_rule(self, who: Principal, review: Review, now_us: int) -> bool:
        claim = review.claimed_by(now_us=now_us)
        is_free = (claim is None or claim.person == who.person) and review.assigned_to in ("", who.name)
        return is_free and str(review.state) in RULABLE and self._permits.may(who, "review.rule", about(review))

    # ── ruling ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def claim(self, review_id: Id, version: Version, who: Who) -> Review:
        """Say that one is looking at it; others see it."""
        return await self._reviews.claim(review_id, by=who, version=version)

    async def release(self, review_id: Id, version: Version, who: Who) -> Review:
        """Leave it to others."""
        return await self._reviews.release(review_id, by=who, version=version)

    async def assign(self, review_id: Id, given: NameGiven, version: Version, who: Who) -> Review:
        """Give it to one person; nobody else may say yes to it."""
        return await self._reviews.assign(review_id, to=given.to, by=who, version=version)

    async def approve(self, review_id: Id, given: YesGiven, version: Version, who: Who) -> Review:
        """Approve exactly the bytes that were shown. The gate is asked again, with you as the approver."""
        return await self._reviews.approve(
            review_id, by=who, digest=given.digest, version=version,
            nonce=nonce_of(review_id, version=version, digest=given.digest),
        )  # fmt: skip

    async def edit(self, review_id: Id, given: Edit, version: Version, who: Who) -> Review:
        """Approve other arguments: new bytes, a new decision."""
        return await self._reviews.edit(
            review_id, by=who, arguments=given.arguments, version=version,
            nonce=nonce_of(review_id, version=version, digest=given.digest),
        )  # fmt: skip

    async def reject(self, review_id: Id, given: NoGiven, version: Version, who: Who) -> Review:
        """Say no, and why."""
        return await self._reviews.reject(review_id, by=who, reason=given.reason, version=version)

    async def ask(self, review_id: Id, given: WordsGiven, version: Version, who: Who) -> Review:
        """Ask the operator something first; the review waits."""
        return await self._reviews.ask(review_id, by=who, question=given.text, version=version)

    async def answer(self, review_id: Id, given: WordsGiven, version: Version, who: Who) -> Review:
        """Answer what was asked; the review is open again."""
        return await self._reviews.answer(review_id, by=who, text=given.text, version=version)

    async def batch(self, given: ManyGiven, who: Who) -> BatchAnswer:
        """The same ruling on many of ordinary risk. Each is ruled on alone; what fails says why."""
        if given.command == "approve":
            return BatchAnswer(outcomes=await self._approve_each(given, who))
        return BatchAnswer(outcomes=tuple([await self._reject_one(one, given, who) for one in given.items]))

    async def _approve_each(self, given: ManyGiven, who: Principal) -> tuple[BatchOutcome, ...]:
        seen = [Seen(review_id=require_id(one.id, where="items"), digest=one.digest,
                     nonce=nonce_of(one.id, version=one.version, digest=one.digest))
                for one in given.items]  # fmt: skip
        return tuple(_outcome(one.review_id, one.review, one.code, one.message)
                     for one in await self._reviews.approve_batch(seen, by=who))  # fmt: skip

    async def _reject_one(self, one: BatchItem, given: ManyGiven, who: Principal) -> BatchOutcome:
        try:
            review_id = require_id(one.id, where="items")
            after = await self._reviews.reject(review_id, by=who, reason=given.reason, version=one.version)
        except ChimeraError as error:
            return _outcome(one.id, None, error.code, error.message)
        return _outcome(one.id, after, "", "")


def _outcome(review_id: str, after: Review | None, code: str, detail: str) -> BatchOutcome:
    if after is None:
        return BatchOutcome(id=review_id, ok=False, code=code, detail=detail)
    return BatchOutcome(id=review_id, ok=True, version=after.version, state=str(after.state))


def _row(review: Review, agent_name: str, now_us: int) -> ReviewRow:
    question, action = review.question, review.question.action
    claim = review.claimed_by(now_us=now_us)
    return ReviewRow(
        id=review.id, version=review.version, state=str(review.state), about=review.about, kind=action.kind,
        platform=action.platform, account=action.account, agent_id=review.agent_id, agent_name=agent_name,
        campaign_id=review.campaign_id, task_id=review.task_id, text=_text_of(action.arguments), risk=question.risk,
        digest=review.action_digest, role=review.role, threat=question.threat, tainted=is_tainted(question.labels),
        confidence_bp=question.confidence_bp, cost_micros=action.cost_micros, reasons=review.reasons,
        opened_at_us=review.opened_at_us, deadline_us=review.deadline_us, assignee=review.assigned_to,
        claimed_by=claim.name if claim else "", claimed_until_us=claim.until_us if claim else 0,
        first_yes_by=review.first.approver.name if review.first else "", outcome=review.outcome,
        may_batch=is_low_risk(review),
    )  # fmt: skip


def _text_of(arguments: dict[str, Any]) -> str:
    return str(arguments.get("text") or arguments.get("purpose") or "")[:TEXT_MAX]
