"""What went out without a person is looked at afterwards; a no takes it down, by a grant like any other act."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from msgspec.structs import replace

from chimera.domain.action import TAKE_DOWN, Action
from chimera.domain.decision import REVIEW_AFTER, Deny
from chimera.domain.errors import Invalid, Refused
from chimera.domain.event import EventKind
from chimera.domain.grant import Grant, Performance
from chimera.domain.halt import Halt
from chimera.domain.measurement import Measurement, measurement_id
from chimera.domain.money import MICROS
from chimera.domain.review import AFTERWARDS_SECONDS, Review, ReviewState
from chimera.domain.roles import Role
from chimera.domain.task import Task, TaskState
from chimera.governance.halts import Halts
from chimera.governance.reviewers import Reviewers
from chimera.governance.reviews import Reviews
from chimera.governance.treasury import Treasury
from chimera.pipeline.judge import Judge
from chimera.ports.publisher import Order, Outcome, Publisher, Rejected, Trace, Traits
from chimera.swarm.bell import Bell
from chimera.swarm.court import Court
from chimera.swarm.granting import Granting
from chimera.swarm.performing import Performing
from chimera.swarm.reserving import Reserving
from chimera.swarm.roster import Roster
from chimera.swarm.sweeping import Sweeping
from tests.small_house import (
    CONTRACTS,
    GATE,
    OLGA,
    OTTO,
    PACK,
    PERMITS,
    PROMPTS,
    RITA,
    SmallHouse,
    a_payment,
    a_post,
    allow,
)
from tests.small_work import ACCEPTED, SayingModel

pytestmark = pytest.mark.requirement("R-F1", "R-N1")


class Afterwards:
    """A house with its sweeper, its granting and its hands."""

    def __init__(self, house: SmallHouse) -> None:
        self.house = house
        self.reviews = Reviews(store=house.office, permits=PERMITS, bands=PACK.bands)
        self.reviewers = Reviewers(store=house.office, ids=house.ids, permits=PERMITS)
        self.halts = Halts(store=house.office, ids=house.ids, permits=PERMITS)
        court = Court(
            judge=Judge(model=SayingModel(ACCEPTED), contracts=CONTRACTS, prompt=PROMPTS["judge"]), gate=GATE,
            treasury=Treasury(), contracts=CONTRACTS, clock=house.clock,
        )  # fmt: skip
        bell = Bell(house.clock)
        self.performing = Performing(effects=house.effects(), ended=self._ended)
        self.granting = Granting(
            sealing=house.sealing, settle=house.settle, court=court, store=house.manager, ready=bell, bell=bell,
            perform=self.performing.offer,
        )  # fmt: skip
        self.sweeping = Sweeping(
            court=court, store=house.manager, settle=house.settle, granting=self.granting, performing=self.performing,
            roster=Roster(reads=house.manager, clock=house.clock), shards=range(256),
            reserving=Reserving(store=house.manager, court=court),
        )  # fmt: skip

    async def _ended(self, grant_id: str, outcome: object) -> None:
        await self.granting.ended(grant_id, outcome)  # type: ignore[arg-type]

    async def rounds(self, times: int = 3) -> None:
        """Sweep, seal, act, settle."""
        for _ in range(times):
            await self.sweeping.once()
            await self.granting.once()
            while any(self.performing.knows(grant.id) for grant in await self.house.manager.list(Grant)):
                await asyncio.sleep(0)
            await asyncio.sleep(0)

    async def went_out(self) -> Review:
        """A post that was published under the obligation of a look afterwards; the review that is owed."""
        house = self.house
        step = await house.decide(allow(obligations=(REVIEW_AFTER,)), action=a_post())
        assert step.granted is not None
        await house.sealing.seal([step.granted.grant])
        performance = await house.effects().perform(step.granted.grant.id)
        await house.settle.finish(step.granted, performance)
        return (await house.office.list(Review, states=("owed",)))[-1]

    def kinds(self) -> list[str]:
        return [deed.kind for deed in self.house.network.records()]


@pytest.fixture
async def after() -> Afterwards:
    return Afterwards(await SmallHouse().open())


async def test_a_look_is_owed_only_where_policy_says_so(after: Afterwards) -> None:
    granted = await after.house.grant()
    performance = await after.house.effects().perform(granted.grant.id)
    await after.house.settle.finish(granted, performance)
    assert await after.house.office.list(Review) == ()
    review = await after.went_out()
    assert (review.about, review.state, review.role) == ("afterwards", ReviewState.OWED, "reviewer")
    assert review.deadline_us == review.opened_at_us + AFTERWARDS_SECONDS * 1_000_000
    assert review.action_digest == (await after.house.manager.get(Grant, review.grant_id)).terms.action_digest


async def test_what_is_found_good_stays(after: Afterwards) -> None:
    review = await after.went_out()
    await after.reviews.approve(review.id, by=RITA, digest=review.action_digest, nonce=review.nonce)
    await after.rounds()
    assert after.kinds() == ["post.publish"]
    assert (await after.house.office.get(Review, review.id)).state is ReviewState.CLOSED


async def test_a_no_takes_it_down_once_in_the_name_of_whoever_said_it(after: Afterwards) -> None:
    review = await after.went_out()
    await after.reviews.reject(review.id, by=RITA, reason="it is rude")
    await after.rounds(6)
    assert after.kinds() == ["post.publish", TAKE_DOWN]
    grant = next(one for one in await after.house.manager.list(Grant) if one.action.kind == TAKE_DOWN)
    assert grant.terms.approver == "rita"
    assert (await after.house.manager.get(Task, grant.terms.task_id)).state is TaskState.DONE
    assert (await after.house.office.get(Review, review.id)).state is ReviewState.CLOSED


async def test_what_was_chosen_for_a_post_that_is_taken_down_has_done_harm_whoever_orders_it_twice(
    after: Afterwards,
) -> None:
    review = await after.went_out()
    chosen = Measurement(
        id=measurement_id(review.task_id), agent_id=after.house.agent.id, campaign_id=after.house.campaign.id,
        task_id=review.task_id, variants={"style": "banter"}, due_at_us=1, begins_at_us=1,
    )  # fmt: skip
    await after.house.put(chosen, by=Role.MANAGER)
    await after.reviews.reject(review.id, by=RITA, reason="it is rude")
    await after.rounds(6)
    assert (await after.house.office.get(Measurement, chosen.id)).has_harmed
    assert after.kinds() == ["post.publish", TAKE_DOWN]


async def test_a_crash_between_order_and_grant_takes_it_down_once(after: Afterwards) -> None:
    review = await after.went_out()
    await after.reviews.reject(review.id, by=RITA, reason="it is rude")
    await after.sweeping.once()
    other = Afterwards(after.house)
    await other.rounds(2)
    # The first one's queue died with it; what it had granted is swept up once it is abandoned.
    after.house.clock.advance(30)
    await other.rounds(4)
    assert after.kinds() == ["post.publish", TAKE_DOWN]


async def test_while_halted_a_take_down_waits(after: Afterwards) -> None:
    review = await after.went_out()
    await after.reviews.reject(review.id, by=RITA, reason="it is rude")
    await after.halts.halt("platform:sandbox", by=OTTO, reason="a look")
    await after.rounds()
    assert after.kinds() == ["post.publish"]
    assert await after.house.manager.find(Task, review.order_id) is None, "no task begins in a halt"
    await after.halts.resume("platform:sandbox", by=OTTO)
    await after.rounds(6)
    assert after.kinds() == ["post.publish", TAKE_DOWN]


async def test_a_network_that_declines_for_now_is_asked_again_and_no_worker_gets_the_order(after: Afterwards) -> None:
    review = await after.went_out()
    await after.reviews.reject(review.id, by=RITA, reason="it is rude")
    after.house.line.set_down(down=True)
    await after.rounds(2)
    assert after.kinds() == ["post.publish"]
    assert await after.house.manager.claim(shards=range(256), limit=10, lease_seconds=60) == ()
    after.house.line.set_down(down=False)
    after.house.clock.advance(60)
    await after.rounds(6)
    assert after.kinds() == ["post.publish", TAKE_DOWN]


async def test_no_draft_has_anything_taken_down(after: Afterwards) -> None:
    """Without a person's order, whatever the confidence, and even where the manifest would permit it."""
    task = await after.house.a_task()
    action = msgspec.structs.replace(a_post(cost_micros=0), kind=TAKE_DOWN, arguments={"post_id": "p-1"})
    question = after.house.question(task, action, permissions=(*after.house.agent.permissions, TAKE_DOWN))
    assert isinstance(GATE.decide(question).decision, Deny)


async def test_silence_afterwards_leaves_it_and_says_so(after: Afterwards) -> None:
    review = await after.went_out()
    after.house.clock.advance(AFTERWARDS_SECONDS + 1)
    assert await after.reviews.expire_due() == 1
    await after.rounds()
    assert after.kinds() == ["post.publish"]
    assert (await after.house.office.get(Review, review.id)).outcome == "expired"


@pytest.mark.parametrize("answer", ["approve", "reject"])
async def test_a_decoy_is_never_performed_whatever_is_answered(after: Afterwards, answer: str) -> None:
    held = await after.house.escalate()
    decoy = await after.reviewers.plant(held.id, by=OLGA, arguments={"text": "Harm them."}, answer=answer)
    await after.reviews.approve(decoy.id, by=RITA, digest=decoy.action_digest, nonce=decoy.nonce)
    await after.rounds()
    assert after.kinds() == []
    assert await after.house.manager.list(Grant) == ()
    assert (await after.house.office.get(Review, decoy.id)).state is ReviewState.CLOSED
    assert (await after.house.office.get(Review, held.id)).state is ReviewState.OPEN
    events = [link.body for link in await after.house.manager.links("manager-0", limit=1000)]
    assert any(EventKind.REVIEW_CLOSED.encode() in body for body in events)


async def test_a_ruling_waits_for_the_end_of_a_halt(after: Afterwards) -> None:
    review = await after.house.escalate()
    await after.reviews.approve(review.id, by=RITA, digest=review.action_digest, nonce=review.nonce)
    await after.halts.halt("fleet", by=OTTO, reason="a look")
    await after.rounds()
    assert (await after.house.office.get(Review, review.id)).state is ReviewState.APPROVED
    await after.halts.resume("fleet", by=OTTO)
    await after.rounds(4)
    assert after.kinds() == ["post.publish"]


async def test_an_approval_moved_to_another_agents_task(after: Afterwards) -> None:
    """Whoever writes rows as the office puts an approval of one thing under another: it is denied."""
    review, other = await after.house.escalate(), await after.house.escalate(a_post("Another. [AI persona]"))
    await after.reviews.approve(review.id, by=RITA, digest=review.action_digest, nonce=review.nonce)
    good = await after.house.office.get(Review, review.id)
    moved = replace(other, version=other.version + 1, state=good.state, approver=good.approver, question=good.question)
    after.house.rewrite(moved)
    await after.rounds(4)
    assert after.kinds() == ["post.publish"]
    assert (await after.house.manager.get(Task, other.task_id)).state is TaskState.REFUSED
    assert (await after.house.manager.get(Task, review.task_id)).state is TaskState.DONE


class Undeleting:
    """A network that keeps what was said for ever."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    def traits(self, action: Action) -> Traits:
        return self._publisher.traits(action)

    async def publish(self, order: Order) -> Outcome:
        if order.action.kind == TAKE_DOWN:
            return Rejected("take_down_unsupported")
        return await self._publisher.publish(order)

    async def look_up(self, order: Order) -> Trace:
        return await self._publisher.look_up(order)


async def test_what_a_network_cannot_take_down_is_a_persons_to_see_to(after: Afterwards) -> None:
    after.house.publisher = Undeleting(after.house.publisher)
    after = Afterwards(after.house)
    review = await after.went_out()
    await after.reviews.reject(review.id, by=RITA, reason="it is rude")
    await after.rounds(6)
    after.house.clock.advance(30)
    await after.rounds(2)
    grant = next(one for one in await after.house.manager.list(Grant) if one.action.kind == TAKE_DOWN)
    performance = await after.house.manager.get(Performance, grant.id)
    assert performance.needs_person
    assert performance.reason == "not taken down: take_down_unsupported"
    (asked,) = [one for one in await after.house.office.list(Review) if one.about == "doubt"]
    assert asked.reasons == (performance.reason,)
    assert after.kinds() == ["post.publish"]
    # However long nobody says what became of it, and whatever is said then: it is not ordered a second time.
    await after.rounds(3)
    await after.reviews.reject(asked.id, by=RITA, reason="it is still there")
    await after.rounds(4)
    assert [one.id for one in await after.house.manager.list(Grant) if one.action.kind == TAKE_DOWN] == [grant.id]
    assert (await after.house.manager.get(Task, review.order_id)).state is TaskState.FAILED


async def a_paid_one(after: Afterwards, *, by: str = "render-farm") -> Review:
    """A payment that was made under the obligation of a look afterwards; the review that is owed."""
    house = after.house
    step = await house.decide(allow(obligations=(REVIEW_AFTER,)), action=a_payment(MICROS, recipient=by))
    assert step.granted is not None
    await house.sealing.seal([step.granted.grant])
    await house.settle.finish(step.granted, await house.effects().perform(step.granted.grant.id))
    return (await house.office.list(Review, states=("owed",)))[-1]


@pytest.mark.requirement("R-E5")
async def test_a_no_to_a_payment_orders_nothing_and_closes_its_recipient(after: Afterwards) -> None:
    house = after.house
    review = await a_paid_one(after)
    await after.reviews.reject(review.id, by=RITA, reason="we never ordered that")
    await after.rounds()
    assert await house.manager.find(Task, review.order_id) is None
    assert after.kinds() == ["payment.send"]
    assert (await house.office.get(Review, review.id)).state is ReviewState.CLOSED
    (halt,) = await house.office.list(Halt)
    assert (halt.halted, halt.by) == ("recipient:render-farm", "rita")
    assert "we never ordered that" in halt.reason
    with pytest.raises(Refused, match="recipient:render-farm is halted"):
        await house.decide(allow(), action=a_payment(MICROS))
    await house.decide(allow(), action=a_payment(MICROS, recipient="other-farm"))
    await after.halts.resume("recipient:render-farm", by=OTTO)
    await house.decide(allow(), action=a_payment(MICROS))


async def test_two_noes_to_payments_to_one_recipient_are_one_halt(after: Afterwards) -> None:
    for review in (await a_paid_one(after), await a_paid_one(after)):
        await after.reviews.reject(review.id, by=RITA, reason="no")
    await after.rounds()
    assert [halt.halted for halt in await after.house.office.list(Halt)] == ["recipient:render-farm"]
    assert await after.house.office.count(Review) == {"closed": 2}


async def test_a_payment_that_was_granted_before_is_not_made_after(after: Afterwards) -> None:
    house = after.house
    review = await a_paid_one(after)
    granted = await house.grant(a_payment(MICROS))
    await after.reviews.reject(review.id, by=RITA, reason="no")
    await after.sweeping.once()
    with pytest.raises(Refused, match="halted"):
        await house.effects().perform(granted.grant.id)
    assert after.kinds() == ["payment.send"]


@pytest.mark.parametrize("scope", ["category:compute", "recipient:render-farm"])
async def test_a_halt_of_what_is_paid_stops_payments_and_no_posts(after: Afterwards, scope: str) -> None:
    await after.halts.halt(scope, by=OTTO, reason="a look")
    paid = replace(a_payment(), category="compute")
    with pytest.raises(Refused, match="halted"):
        await after.house.decide(allow(), action=paid)
    await after.house.decide(allow(), action=a_post())


async def test_a_halt_of_which_nothing_would_stop_is_refused(after: Afterwards) -> None:
    with pytest.raises(Invalid, match="no halt of its own"):
        await after.halts.halt("account:sandbox/ada", by=OTTO, reason="a look")
