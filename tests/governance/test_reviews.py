"""Reviews: one ruling, by somebody who may, on the bytes that were shown, in time. Silence is a no."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from chimera.domain.change import Change
from chimera.domain.errors import ChimeraError, Conflict, Refused
from chimera.domain.review import REVIEW_SECONDS, Review, ReviewState
from chimera.governance.reviews import Reviews
from chimera.ports.store import Store
from tests.small_house import OLGA, PACK, PERMITS, REVIEWER, RITA, SmallHouse, somebody

pytestmark = pytest.mark.requirement("R-F1", "R-N1")


@pytest.fixture
async def house() -> SmallHouse:
    return await SmallHouse().open()


@pytest.fixture
def reviews(house: SmallHouse) -> Reviews:
    return Reviews(store=house.office, permits=PERMITS, bands=PACK.bands)


async def state(house: SmallHouse, review: Review) -> ReviewState:
    return (await house.office.get(Review, review.id)).state


async def test_an_approval_of_exactly_these_bytes(house: SmallHouse, reviews: Reviews) -> None:
    review = await house.escalate()
    ruled = await reviews.approve(review.id, by=RITA, digest=review.action_digest, nonce=review.nonce)
    assert (ruled.state, ruled.outcome, ruled.approver) == (ReviewState.APPROVED, "approved", REVIEWER)


async def test_an_approval_of_other_bytes(house: SmallHouse, reviews: Reviews) -> None:
    review = await house.escalate()
    with pytest.raises(Conflict) as refusal:
        await reviews.approve(review.id, by=RITA, digest="0" * 64, nonce=review.nonce)
    assert refusal.value.code == "review_bytes_differ"
    assert await state(house, review) is ReviewState.OPEN


class Crowd:
    """A store in which everybody has read what stands there before anybody writes."""

    def __init__(self, store: Store, many: int) -> None:
        self._store = store
        self._everybody = asyncio.Barrier(many)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def commit(self, change: Change) -> None:
        async with asyncio.timeout(10):
            await self._everybody.wait()
        await self._store.commit(change)


async def test_thirty_two_who_rule_at_once(house: SmallHouse) -> None:
    review = await house.escalate()
    crowd = cast("Store", Crowd(house.office, 32))
    reviews = Reviews(store=crowd, permits=PERMITS, bands=PACK.bands)
    rulings = [
        reviews.approve(review.id, by=somebody(f"r{n}", "reviewer"), digest=review.action_digest, nonce=review.nonce)
        if n % 2 else reviews.reject(review.id, by=somebody(f"r{n}", "reviewer"), reason="no")
        for n in range(32)
    ]  # fmt: skip
    outcomes = await asyncio.gather(*rulings, return_exceptions=True)
    winners = [outcome for outcome in outcomes if isinstance(outcome, Review)]
    assert len(winners) == 1
    assert all(isinstance(outcome, Review | Conflict | Refused) for outcome in outcomes)
    assert await house.office.get(Review, review.id) == winners[0]


@pytest.mark.parametrize("role", ["guest", "", "manager", "REVIEWER"])
async def test_who_may_not_rule(house: SmallHouse, reviews: Reviews, role: str) -> None:
    review = await house.escalate()
    for ruling in (
        reviews.approve(review.id, by=somebody("x", role), digest=review.action_digest, nonce=review.nonce),
        reviews.reject(review.id, by=somebody("x", role), reason="no"),
        reviews.edit(review.id, by=somebody("x", role), nonce=review.nonce, arguments={"text": "y"}),
        reviews.ask(review.id, by=somebody("x", role), question="?"),
    ):
        with pytest.raises(Refused, match="may not approve, edit"):
            await ruling
    assert await state(house, review) is ReviewState.OPEN


async def test_a_yes_needs_the_role_that_policy_named(house: SmallHouse, reviews: Reviews) -> None:
    review = await house.escalate(role="operator")
    with pytest.raises(Refused, match="may not approve"):
        await reviews.approve(review.id, by=RITA, digest=review.action_digest, nonce=review.nonce)
    assert (await reviews.reject(review.id, by=RITA, reason="no")).state is ReviewState.REJECTED
    other = await house.escalate(role="operator")
    assert (
        await reviews.approve(other.id, by=OLGA, digest=other.action_digest, nonce=other.nonce)
    ).state is ReviewState.APPROVED


async def test_after_the_time_to_rule(house: SmallHouse, reviews: Reviews) -> None:
    review = await house.escalate()
    house.clock.advance(REVIEW_SECONDS)
    with pytest.raises(Refused, match="time to rule"):
        await reviews.approve(review.id, by=RITA, digest=review.action_digest, nonce=review.nonce)
    house.clock.advance(1)
    assert await reviews.expire_due() == 1
    assert await state(house, review) is ReviewState.EXPIRED
    with pytest.raises(ChimeraError):
        await reviews.reject(review.id, by=RITA, reason="no")


async def test_an_edit_keeps_the_old_bytes_out(house: SmallHouse, reviews: Reviews) -> None:
    review = await house.escalate()
    edited = await reviews.edit(review.id, by=RITA, nonce=review.nonce, arguments={"text": "Better. [AI persona]"})
    assert edited.state is ReviewState.EDITED
    assert edited.action_digest != review.action_digest
    assert edited.question.action.arguments["text"] == "Better. [AI persona]"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({}, "edit_changes_nothing"), ({"text": "a\x00b"}, "text_has_nul"), ({"text": "x" * 300_000}, "edit_too_large"),
        ({"text": 1.5}, "value_not_plain"), ({"text": "\ud800"}, "text_lone_surrogate"),
    ],
)  # fmt: skip
async def test_an_edit_that_is_none(
    house: SmallHouse, reviews: Reviews, arguments: dict[str, object], code: str
) -> None:
    review = await house.escalate()
    with pytest.raises(ChimeraError) as refusal:
        await reviews.edit(review.id, by=RITA, nonce=review.nonce, arguments=arguments)
    assert refusal.value.code == code
    assert await state(house, review) is ReviewState.OPEN


async def test_a_rejection_says_why(house: SmallHouse, reviews: Reviews) -> None:
    review = await house.escalate()
    for reason in ("", "  ", "x" * 2_001, "a\x00"):
        with pytest.raises(ChimeraError):
            await reviews.reject(review.id, by=RITA, reason=reason)
    assert (await reviews.reject(review.id, by=RITA, reason="too loud")).note == "too loud"


async def test_a_question_and_its_answer(house: SmallHouse, reviews: Reviews) -> None:
    review = await house.escalate()
    asked = await reviews.ask(review.id, by=RITA, question="which fight?")
    with pytest.raises(Refused):
        await reviews.approve(review.id, by=RITA, digest=asked.action_digest, nonce=asked.nonce)
    review = await reviews.answer(review.id, by=OLGA, text="the last one")
    assert (
        await reviews.approve(review.id, by=RITA, digest=review.action_digest, nonce=review.nonce)
    ).state is ReviewState.APPROVED


async def test_silence_about_a_question_is_a_no(house: SmallHouse, reviews: Reviews) -> None:
    review = await house.escalate()
    await reviews.ask(review.id, by=RITA, question="which fight?")
    house.clock.advance(REVIEW_SECONDS + 1)
    assert await reviews.expire_due() == 1
    assert await state(house, review) is ReviewState.EXPIRED
