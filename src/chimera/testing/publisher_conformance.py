"""What every publisher owes to `effects`, as tests that each adapter runs. Knows the network's own records, to compare.

class TestMcpPublisher(PublisherConformance):
    def open(self, scenario, clock): ...
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from msgspec import Struct, structs

from chimera.domain.action import Action
from chimera.domain.durations import SECOND_US
from chimera.ports.publisher import Absent, Order, Published, Publisher, Rejected, Traits, Unknown
from chimera.rehearsal.line import Fault
from chimera.rehearsal.records import Deed
from chimera.rehearsal.scenario import CALM, PAY, SOCIAL, FaultRates, Rules, Scenario
from chimera.rehearsal.world import World
from chimera.testing.manual_clock import ManualClock

ACCOUNT = "@conformance.rehearsal"
QUIET = structs.replace(CALM, people=2)
FORGETFUL = structs.replace(QUIET, rules=Rules(deduplicates=False))
BLIND = structs.replace(QUIET, rules=Rules(deduplicates=False, looks_up=False))
AT_ONCE = 50


class Bench(Struct, frozen=True, kw_only=True):
    """A publisher, and the world that it publishes in."""

    publisher: Publisher
    world: World
    clock: ManualClock

    def order(
        self,
        key: str,
        *,
        kind: str = "post.publish",
        platform: str = SOCIAL,
        account: str = ACCOUNT,
        arguments: dict[str, Any] | None = None,
        recipient: str = "",
        cost_micros: int = 0,
    ) -> Order:
        """An order whose deadline lies ten seconds ahead."""
        action = Action(
            kind=kind,
            platform=platform,
            account=account,
            recipient=recipient,
            cost_micros=cost_micros,
            arguments={"text": f"Hello from {key}. (AI persona)"} if arguments is None else arguments,
        )
        return Order(grant_id=key, action=action, deadline_us=self.clock.now_us() + 10 * SECOND_US)

    def traits(self) -> Traits:
        """What the publisher says of an ordinary order."""
        return self.publisher.traits(self.order("any").action)

    def deeds(self) -> tuple[Deed, ...]:
        """What the network itself has on record."""
        return self.world.network.records()


class PublisherConformance:
    """Run by subclassing. Every test opens a world of its own."""

    def open(self, scenario: Scenario, clock: ManualClock) -> AbstractAsyncContextManager[Bench]:
        """A publisher in a new world."""
        raise NotImplementedError

    def _bench(self, scenario: Scenario = QUIET) -> AbstractAsyncContextManager[Bench]:
        return self.open(scenario, ManualClock())

    # ── what happens ────────────────────────────────────────────────────────────────────────────────────────────────

    async def test_a_post_is_published_once_under_its_key(self) -> None:
        async with self._bench() as bench:
            outcome = await bench.publisher.publish(bench.order("k1"))
            assert isinstance(outcome, Published)
            (deed,) = bench.deeds()
            assert (deed.key, deed.account, deed.text) == ("k1", ACCOUNT, "Hello from k1. (AI persona)")
            assert outcome.receipt["id"] == deed.id

    async def test_every_kind_of_action_has_its_way(self) -> None:
        async with self._bench() as bench:
            stranger = bench.world.audience.people[0].handle
            theirs = bench.world.network.society.say(stranger, "hello", at_us=bench.clock.now_us()).id
            mine = await bench.publisher.publish(bench.order("k1"))
            assert isinstance(mine, Published)
            answer = {"text": "hi", "in_reply_to": theirs, "target_account": stranger}
            orders = (
                bench.order("k2", kind="post.reply", arguments=answer),
                bench.order("k3", kind="post.like", arguments={"post_id": theirs}),
                bench.order("k4", kind="post.follow", arguments={"target_account": stranger}),
                bench.order("k5", kind="post.take_down", arguments={"post_id": mine.receipt["id"]}),
                bench.order(
                    "k6",
                    kind="payment.send",
                    platform=PAY,
                    arguments={"purpose": "a clip"},
                    recipient="render-farm",
                    cost_micros=2_500_000,
                ),
            )
            for order in orders:
                assert isinstance(await bench.publisher.publish(order), Published), order.action.kind
            kinds = [deed.kind for deed in bench.deeds()]
            assert kinds == ["post.publish", *(order.action.kind for order in orders)]
            assert (bench.deeds()[-1].recipient, bench.deeds()[-1].amount_micros) == ("render-farm", 2_500_000)

    async def test_many_at_once_are_all_there(self) -> None:
        async with self._bench() as bench:
            orders = [bench.order(f"k{number}") for number in range(AT_ONCE)]
            outcomes = await asyncio.gather(*(bench.publisher.publish(order) for order in orders))
            assert all(isinstance(outcome, Published) for outcome in outcomes)
            assert {deed.key for deed in bench.deeds()} == {order.grant_id for order in orders}

    # ── the key ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def test_a_doubled_key_is_one_post_where_the_network_dedupes(self) -> None:
        async with self._bench() as bench:
            assert bench.traits().deduplicates
            first, second = [await bench.publisher.publish(bench.order("k1")) for _ in range(2)]
            assert first == second
            assert len(bench.deeds()) == 1

    async def test_a_doubled_key_is_two_posts_where_it_does_not_and_the_traits_say_so(self) -> None:
        async with self._bench(FORGETFUL) as bench:
            assert not bench.traits().deduplicates
            for _ in range(2):
                await bench.publisher.publish(bench.order("k1"))
            assert len(bench.deeds()) == 2

    async def test_a_key_does_not_serve_for_other_bytes(self) -> None:
        async with self._bench() as bench:
            await bench.publisher.publish(bench.order("k1"))
            other = bench.order("k1", arguments={"text": "something else"})
            assert isinstance(await bench.publisher.publish(other), Rejected)
            assert len(bench.deeds()) == 1

    # ── what certainly does not happen ──────────────────────────────────────────────────────────────────────────────

    async def test_what_can_never_work_is_rejected_for_good(self) -> None:
        async with self._bench() as bench:
            stranger = bench.world.audience.people[0].handle
            never = (
                bench.order("k1", kind="post.explode"),
                bench.order("k2", platform="elsewhere"),
                bench.order("k3", arguments={"text": "x" * 301}),
                bench.order("k4", arguments={"text": ""}),
                bench.order("k5", arguments={"words": "hello"}),
                bench.order("k6", account=stranger),
                bench.order("k7", kind="post.reply", arguments={"text": "hi", "in_reply_to": "post-none"}),
                bench.order("k8", kind="payment.send", platform=PAY, arguments={}, cost_micros=5),
            )
            for order in never:
                outcome = await bench.publisher.publish(order)
                assert isinstance(outcome, Rejected), order.grant_id
                assert not outcome.later, order.grant_id
            assert bench.deeds() == ()

    async def test_a_payment_is_what_was_granted_or_it_is_not(self) -> None:
        async with self._bench() as bench:
            for arguments in ({"recipient": "somebody-else"}, {"amount_micros": 9_000_000}):
                order = bench.order(
                    "k1",
                    kind="payment.send",
                    platform=PAY,
                    arguments=arguments,
                    recipient="render-farm",
                    cost_micros=1_000_000,
                )
                assert await bench.publisher.publish(order) == Rejected("payment_differs")
            assert bench.deeds() == ()

    async def test_a_target_that_the_network_knows_otherwise_is_rejected(self) -> None:
        async with self._bench() as bench:
            author, other = (person.handle for person in bench.world.audience.people[:2])
            post = bench.world.network.society.say(author, "hello", at_us=bench.clock.now_us())
            order = bench.order("k1", kind="post.like", arguments={"post_id": post.id, "target_account": other})
            assert await bench.publisher.publish(order) == Rejected("target_differs")
            assert bench.deeds() == ()

    async def test_an_outage_and_a_limit_are_rejections_for_now(self) -> None:
        async with self._bench() as bench:
            for fault in (Fault.UNAVAILABLE, Fault.RATE_LIMITED):
                bench.world.line.demand(fault)
                outcome = await bench.publisher.publish(bench.order("k1"))
                assert isinstance(outcome, Rejected)
                assert outcome.later
            assert bench.deeds() == ()
            assert isinstance(await bench.publisher.publish(bench.order("k1")), Published)

    async def test_posts_per_hour_are_limited_and_the_hour_passes(self) -> None:
        scenario = structs.replace(QUIET, rules=Rules(posts_per_hour_max=2), tempo=3_600)
        async with self._bench(scenario) as bench:
            for number in range(2):
                await bench.publisher.publish(bench.order(f"k{number}"))
            assert await bench.publisher.publish(bench.order("k3")) == Rejected("rate_limited", later=True)
            bench.clock.advance(1.1)
            assert isinstance(await bench.publisher.publish(bench.order("k3")), Published)

    # ── what nobody knows ───────────────────────────────────────────────────────────────────────────────────────────

    async def test_after_a_lost_reply_it_is_found(self) -> None:
        async with self._bench(FORGETFUL) as bench:
            bench.world.line.demand(Fault.REPLY_LOST)
            order = bench.order("k1")
            assert isinstance(await bench.publisher.publish(order), Unknown)
            found = await bench.publisher.look_up(order)
            assert isinstance(found, Published)
            assert found.receipt["id"] == bench.deeds()[0].id

    async def test_after_a_lost_request_it_is_absent(self) -> None:
        async with self._bench(FORGETFUL) as bench:
            bench.world.line.demand(Fault.REQUEST_LOST)
            order = bench.order("k1")
            assert isinstance(await bench.publisher.publish(order), Unknown)
            assert await bench.publisher.look_up(order) == Absent()

    async def test_what_is_late_settles_within_the_settling_time(self) -> None:
        async with self._bench(FORGETFUL) as bench:
            bench.world.line.demand(Fault.LATE)
            order = bench.order("k1")
            assert isinstance(await bench.publisher.publish(order), Unknown)
            assert await bench.publisher.look_up(order) == Absent()
            bench.clock.advance(bench.traits().settling_seconds)
            assert isinstance(await bench.publisher.look_up(order), Published)

    async def test_what_is_late_and_resent_happens_once(self) -> None:
        async with self._bench() as bench:
            bench.world.line.demand(Fault.LATE)
            order = bench.order("k1")
            await bench.publisher.publish(order)
            assert isinstance(await bench.publisher.publish(order), Published)
            bench.clock.advance(60)
            assert isinstance(await bench.publisher.look_up(order), Published)
            assert len(bench.deeds()) == 1

    async def test_an_answer_beyond_the_deadline_is_unknown(self) -> None:
        async with self._bench(structs.replace(QUIET, faults=FaultRates(slow_seconds=60))) as bench:
            bench.world.line.demand(Fault.SLOW)
            order = bench.order("k1")
            assert isinstance(await bench.publisher.publish(order), Unknown)
            assert isinstance(await bench.publisher.look_up(order), Published)

    async def test_who_cannot_be_asked_knows_nothing(self) -> None:
        async with self._bench(BLIND) as bench:
            assert not bench.traits().looks_up
            assert isinstance(await bench.publisher.look_up(bench.order("k1")), Unknown)

    async def test_during_an_outage_nothing_is_absent(self) -> None:
        async with self._bench() as bench:
            bench.world.line.set_down(down=True)
            assert isinstance(await bench.publisher.look_up(bench.order("k1")), Unknown)

    # ── the deadline ────────────────────────────────────────────────────────────────────────────────────────────────

    @pytest.mark.parametrize("scenario", [QUIET, FORGETFUL], ids=["deduplicates", "forgets"])
    async def test_after_the_deadline_nothing_is_sent(self, scenario: Scenario) -> None:
        """Not even where the key protects: the act may be granted anew by then. A resend has a deadline of its own."""
        async with self._bench(scenario) as bench:
            order = bench.order("k1")
            bench.clock.advance(11)
            assert await bench.publisher.publish(order) == Rejected("deadline_passed", later=True)
            assert bench.deeds() == ()
