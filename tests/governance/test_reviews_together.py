"""Many people at one desk: claims, assignments, batches, two persons for what is grave, and approvals seen before."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from msgspec.structs import replace

from chimera.domain.change import Change
from chimera.domain.confidence import Bands
from chimera.domain.decision import Allow, Approver, Question
from chimera.domain.errors import ChimeraError
from chimera.domain.event import Event, EventKind
from chimera.domain.person import Person, PersonState, person_id
from chimera.domain.review import CLAIM_SECONDS, Review, ReviewState
from chimera.governance.gate import Gate
from chimera.governance.reviewers import Reviewers
from chimera.governance.reviews import BATCH_MAX, Reviews, Seen
from tests.small_house import GATE, OLGA, OTTO, PACK, PERMITS, RITA, SmallHouse, a_post, somebody

pytestmark = pytest.mark.requirement("R-F1", "R-D4")
ROB = somebody("rob", "reviewer")
FREE = a_post(cost_micros=0)


@pytest.fixture
async def house() -> SmallHouse:
    return await SmallHouse().open()


@pytest.fixture
def reviews(house: SmallHouse) -> Reviews:
    return Reviews(store=house.office, permits=PERMITS, bands=PACK.bands)


async def code_of(attempt: object) -> str:
    with pytest.raises(ChimeraError) as refusal:
        await attempt  # type: ignore[misc]
    return refusal.value.code


async def legal(house: SmallHouse) -> Review:
    """A held action of a class that takes two."""
    review = await house.escalate()
    question = msgspec.structs.replace(review.question, risk="legal")
    house.rewrite(replace(review, question=question))
    return await house.office.get(Review, review.id)


def seen(review: Review) -> Seen:
    return Seen(review_id=review.id, digest=review.action_digest, nonce=review.nonce)


def yes(reviews: Reviews, review: Review, by: object):
    return reviews.approve(review.id, by=by, digest=review.action_digest, nonce=review.nonce)  # type: ignore[arg-type]


# ── claims ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_somebody_claims_nobody_else_rules_on_until_the_claim_runs_out(
    house: SmallHouse, reviews: Reviews
) -> None:
    review = await reviews.claim((await house.escalate()).id, by=RITA)
    for ruling in (
        yes(reviews, review, ROB), reviews.reject(review.id, by=ROB, reason="no"), reviews.claim(review.id, by=ROB),
        reviews.ask(review.id, by=ROB, question="?"),
        reviews.edit(review.id, by=ROB, nonce=review.nonce, arguments={"text": "x"}),
    ):  # fmt: skip
        assert await code_of(ruling) == "review_claimed"
    house.clock.advance(CLAIM_SECONDS)
    assert (await yes(reviews, review, ROB)).state is ReviewState.APPROVED


async def test_a_claim_is_released_by_its_owner_or_by_whoever_assigns(house: SmallHouse, reviews: Reviews) -> None:
    review = await reviews.claim((await house.escalate()).id, by=RITA)
    assert await code_of(reviews.release(review.id, by=ROB)) == "not_permitted"
    await reviews.release(review.id, by=OTTO)
    assert await code_of(reviews.release(review.id, by=RITA)) == "review_not_claimed"
    await reviews.claim(review.id, by=ROB)
    await reviews.release(review.id, by=ROB)


async def test_of_many_who_claim_at_once_one_has_it(house: SmallHouse, reviews: Reviews) -> None:
    review = await house.escalate()
    claims = [reviews.claim(review.id, by=somebody(f"r{n}", "reviewer")) for n in range(16)]
    ended = await asyncio.gather(*claims, return_exceptions=True)
    assert sum(isinstance(one, Review) for one in ended) == 1


async def test_a_review_for_one_person(house: SmallHouse, reviews: Reviews) -> None:
    review = await house.escalate()
    rob = Person(id=person_id("rob"), name="rob", roles=("reviewer",))
    assert await code_of(reviews.assign(review.id, to="rob", by=OTTO)) == "person_unknown"
    joined = Event(kind=EventKind.PERSON_ADDED, subject=rob.id, at_us=0, data={"name": "rob"})
    gone = replace(rob, state=PersonState.DISABLED)
    await house.office.commit(Change(records=(gone,), events=(joined,)))
    assert await code_of(reviews.assign(review.id, to="rob", by=OTTO)) == "person_unknown"
    house.rewrite(rob)
    assert await code_of(reviews.assign(review.id, to="rob", by=RITA)) == "not_permitted"
    given = await reviews.assign(review.id, to="rob", by=OTTO)
    assert await code_of(yes(reviews, given, RITA)) == "review_assigned"
    assert (await yes(reviews, given, ROB)).state is ReviewState.APPROVED


# ── bound to what was seen ──────────────────────────────────────────────────────────────────────────────────────────


async def test_an_approval_sent_again_after_a_question_was_answered(house: SmallHouse, reviews: Reviews) -> None:
    """Somebody keeps an approval, and sends it when the review is open again with an answer in it."""
    review = await house.escalate()
    await reviews.ask(review.id, by=ROB, question="really?")
    await reviews.answer(review.id, by=OTTO, text="no, rather not")
    assert await code_of(yes(reviews, review, RITA)) == "review_seen_before"


async def test_an_approval_is_good_for_one_review(house: SmallHouse, reviews: Reviews) -> None:
    """Two reviews over the same bytes: what was seen of one says nothing of the other."""
    one, other = await house.escalate(), await house.escalate()
    assert one.action_digest == other.action_digest
    attempt = reviews.approve(other.id, by=RITA, digest=one.action_digest, nonce=one.nonce)
    assert await code_of(attempt) == "review_seen_before"


@pytest.mark.parametrize("nonce", ["", "0" * 32, "x"])
async def test_a_nonce_that_was_made_up(house: SmallHouse, reviews: Reviews, nonce: str) -> None:
    review = await house.escalate()
    for attempt in (
        reviews.approve(review.id, by=RITA, digest=review.action_digest, nonce=nonce),
        reviews.edit(review.id, by=RITA, nonce=nonce, arguments={"text": "x"}),
    ):
        assert await code_of(attempt) == "review_seen_before"


async def test_roles_that_end_at_another_agent(house: SmallHouse, reviews: Reviews) -> None:
    review = await house.escalate()
    elsewhere = msgspec.structs.replace(RITA, within=frozenset({"agent:another"}))
    here = msgspec.structs.replace(RITA, within=frozenset({f"agent:{house.agent.id}"}))
    assert await code_of(yes(reviews, review, elsewhere)) == "not_permitted"
    assert (await yes(reviews, review, here)).state is ReviewState.APPROVED


# ── two persons ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_two_people_say_yes_to_what_is_grave(house: SmallHouse, reviews: Reviews) -> None:
    review = await legal(house)
    once = await yes(reviews, review, RITA)
    assert once.state is ReviewState.OPEN
    assert await code_of(yes(reviews, once, RITA)) == "second_person_needed"
    twice = await yes(reviews, once, OLGA)
    assert (twice.state, twice.approver) == (ReviewState.APPROVED, Approver("olga", "reviewer", "rita"))


async def test_one_no_is_enough(house: SmallHouse, reviews: Reviews) -> None:
    once = await yes(reviews, await legal(house), RITA)
    assert (await reviews.reject(once.id, by=RITA, reason="on second thought")).state is ReviewState.REJECTED


async def test_a_first_yes_to_other_bytes_does_not_count(house: SmallHouse, reviews: Reviews) -> None:
    once = await yes(reviews, await legal(house), RITA)
    edited = await reviews.edit(once.id, by=OLGA, nonce=once.nonce, arguments={"text": "Better. [AI persona]"})
    assert (edited.state, edited.first and edited.first.person) == (ReviewState.OPEN, OLGA.person)
    assert await code_of(yes(reviews, edited, OLGA)) == "second_person_needed"
    assert (await yes(reviews, edited, RITA)).state is ReviewState.APPROVED


async def test_two_who_say_yes_first_at_once_are_not_two(house: SmallHouse, reviews: Reviews) -> None:
    review = await legal(house)
    people = [somebody(f"r{n}", "reviewer") for n in range(8)]
    ended = await asyncio.gather(*(yes(reviews, review, one) for one in people), return_exceptions=True)
    assert sum(isinstance(one, Review) for one in ended) == 1
    assert (await house.office.get(Review, review.id)).state is ReviewState.OPEN


def question_of(house: SmallHouse, task: object, approver: Approver | None) -> Question:
    return house.question(task, FREE, risk="legal", approver=approver)  # type: ignore[arg-type]


@pytest.mark.parametrize(("approver", "allowed"), [
    (Approver("olga", "owner", "rita"), True), (Approver("olga", "owner"), False),
    (Approver("olga", "owner", "olga"), False), (Approver("olga", "guest", "rita"), False),
])  # fmt: skip
async def test_the_gate_counts_too(house: SmallHouse, approver: Approver, allowed: bool) -> None:
    """Whoever gets a single approval past the desk is stopped at the gate."""
    decision = GATE.decide(question_of(house, await house.a_task(), approver)).decision
    assert isinstance(decision, Allow) == allowed


def test_the_pack_names_the_classes() -> None:
    assert isinstance(GATE, Gate)
    assert PACK.bands.two_persons == ("legal",)
    assert Bands().two_persons == ()


# ── batches ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_batch_is_for_low_risk_and_each_stands_for_itself(house: SmallHouse, reviews: Reviews) -> None:
    low = [await house.escalate(FREE) for _ in range(3)]
    grave, ruled = await legal(house), await house.escalate(FREE)
    costly = await house.escalate(a_post(cost_micros=10_001))
    await reviews.reject(ruled.id, by=ROB, reason="no")
    outcomes = await reviews.approve_batch([*map(seen, low), seen(grave), seen(costly), seen(ruled)], by=RITA)
    codes = [one.code for one in outcomes]
    assert codes[:5] == ["", "", "", "review_not_batchable", "review_not_batchable"]
    assert codes[5] == "review_seen_before"
    assert {(await house.office.get(Review, one.id)).state for one in low} == {ReviewState.APPROVED}
    assert (await house.office.get(Review, grave.id)).state is ReviewState.OPEN


async def test_batches_are_bounded(house: SmallHouse, reviews: Reviews) -> None:
    review = await house.escalate(FREE)
    for batch in ([], [seen(review)] * (BATCH_MAX + 1)):
        assert await code_of(reviews.approve_batch(batch, by=RITA)) == "batch_size"


@pytest.mark.parametrize("changes", [{"threat": "HIGH"}, {"shaped": ("recipient",)}, {"risk": "politics"}])
async def test_what_is_not_of_low_risk(house: SmallHouse, reviews: Reviews, changes: dict[str, object]) -> None:
    review = await house.escalate(FREE)
    house.rewrite(replace(review, question=msgspec.structs.replace(review.question, **changes)))
    outcome = await reviews.approve_batch([seen(review)], by=RITA)
    assert outcome[0].code == "review_not_batchable"


# ── reviewers ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_remarks_are_their_authors(house: SmallHouse, reviews: Reviews) -> None:
    review = await house.escalate()
    people = Reviewers(store=house.office, ids=house.ids, permits=PERMITS)
    await people.remark(review.id, by=RITA, text="he always writes like this")
    assert [one.text for one in await people.remarks(review.id, by=RITA)] == ["he always writes like this"]
    assert await people.remarks(review.id, by=OLGA) == ()
    assert await code_of(people.remark(review.id, by=somebody("vera", "viewer"), text="x")) == "not_permitted"


async def test_what_the_rulings_say_about_whoever_gave_them(house: SmallHouse, reviews: Reviews) -> None:
    people = Reviewers(store=house.office, ids=house.ids, permits=PERMITS)
    held = await house.escalate()
    harm = {"text": "Harm them."}
    for by, right in ((RITA, True), (ROB, False)):
        decoy = await people.plant(held.id, by=OLGA, arguments=harm, answer="reject")
        claimed = await reviews.claim(decoy.id, by=by)
        house.clock.advance(40)
        if right:
            await reviews.reject(decoy.id, by=by, reason="harm")
        else:
            await yes(reviews, claimed, by)
    await yes(reviews, held, RITA)
    rita, rob = await people.standings(by=OTTO)
    assert (rita.name, rita.rulings, rita.approved, rita.rejected, rita.approval_bp) == ("rita", 2, 1, 1, 5_000)
    assert (rita.decoys, rita.decoys_missed, rita.held_seconds) == (1, 0, 40)
    assert (rob.name, rob.decoys, rob.decoys_missed, rob.approval_bp) == ("rob", 1, 1, 10_000)


async def test_who_may_plant(house: SmallHouse) -> None:
    people = Reviewers(store=house.office, ids=house.ids, permits=PERMITS)
    held = await house.escalate()
    for by in (RITA, OTTO):
        assert await code_of(people.plant(held.id, by=by, arguments={}, answer="reject")) == "not_permitted"
    assert await code_of(people.plant(held.id, by=OLGA, arguments={}, answer="perhaps")) == "decoy_answer"


async def test_nothing_in_a_decoy_says_that_it_is_one(house: SmallHouse) -> None:
    people = Reviewers(store=house.office, ids=house.ids, permits=PERMITS)
    held = await house.escalate()
    decoy = await people.plant(held.id, by=OLGA, arguments={"text": "x"}, answer="reject")
    assert "decoy" not in msgspec.json.encode(decoy).decode()
    same = ("about", "role", "reasons", "campaign_id", "agent_id", "state")
    assert [getattr(decoy, name) for name in same] == [getattr(held, name) for name in same]
