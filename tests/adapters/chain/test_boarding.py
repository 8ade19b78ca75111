"""Who waits for whom, and how long; and which places a nonce that was given back has: without a node."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chimera.adapters.chain import fees
from chimera.adapters.chain.boarding import Boarding, Rider, Weight
from chimera.adapters.chain.ledger import Cargo, NonceBook
from chimera.adapters.chain.node import Seen
from chimera.adapters.memory.database import MemoryDatabase
from chimera.adapters.memory.store import MemoryStore
from chimera.adapters.system.clock import SystemClock
from chimera.domain import ids
from chimera.domain.errors import Refused
from chimera.domain.roles import Role
from chimera.domain.transfer import Sending, Shipment, Transfer, TransferCommand, TransferState
from chimera.domain.wallets import NATIVE, USDC, ChainRules, Payment
from chimera.testing.manual_clock import ManualClock
from tests.examples import examples

pytestmark = pytest.mark.requirement("R-E6")
RULES = ChainRules(rpc="http://127.0.0.1:1", recipients=(), shared_max=4, gather_seconds=0.2,
                   coin_micros_max=4_000_000_000)  # fmt: skip


def a_payment(asset: str = USDC) -> Payment:
    return Payment(chain="polygon", wallet="treasury", recipient="0x1", asset=asset, units=1, cost_micros=1)


def a_rider(number: int, asset: str = USDC) -> Rider:
    return Rider(str(number), a_payment(asset), Weight(gas_alone=50_000, gas_max=60_000))


@asynccontextmanager
async def boarding(shipped: list[list[str]]) -> AsyncGenerator[Boarding]:
    async def ship(riders: Sequence[Rider]) -> None:
        shipped.append([one.grant_id for one in riders])
        for one in riders:
            one.answer(None)

    made = Boarding(rules=RULES, clock=SystemClock(), ship=ship)
    running = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_as_many_as_go_together_do_not_wait() -> None:
    shipped: list[list[str]] = []
    async with boarding(shipped) as made, asyncio.timeout(0.15):
        await asyncio.gather(*(made.join(a_rider(number)) for number in range(4)))
    assert shipped == [["0", "1", "2", "3"]]


async def test_others_in_another_asset_wait_their_own_time() -> None:
    shipped: list[list[str]] = []
    async with boarding(shipped) as made:
        coin = asyncio.create_task(made.join(a_rider(9, NATIVE)))
        await asyncio.gather(*(made.join(a_rider(number)) for number in range(5)))
        await coin
    assert sorted(shipped) == [["0", "1", "2", "3"], ["4"], ["9"]]


async def test_whoever_stops_waiting_is_not_taken_along() -> None:
    shipped: list[list[str]] = []
    async with boarding(shipped) as made:
        leaving = asyncio.create_task(made.join(a_rider(0)))
        staying = [asyncio.create_task(made.join(a_rider(number))) for number in (1, 2)]
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.gather(*staying)
    assert shipped == [["1", "2"]]


async def test_a_refusal_reaches_whoever_waits() -> None:
    rider = a_rider(0)
    rider.refuse(Refused("halted", "it is halted", where="x", remedy="wait"))
    with pytest.raises(Refused):
        await rider.begun()
    rider.answer(None)
    assert not rider.is_waiting


# ── places ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def a_book(database: MemoryDatabase) -> NonceBook:
    store = MemoryStore(database, writer="effects", role=Role.EFFECTS, clock=ManualClock())
    return NonceBook(chain="polygon", wallet="treasury", store=store, clock=ManualClock())


SENDING = Sending(hash="0x1", raw="0x2", fee_wei=3, tip_wei=1, gas=100_000, at_us=1)
STEPS = st.lists(st.tuples(st.integers(1, 4), st.sampled_from(["send", "give back", "restart"])), max_size=12)


@settings(max_examples=examples(40), deadline=None)
@given(STEPS)
def test_nonces_have_no_gaps_and_grants_one_place_whatever_is_given_back(steps: list[tuple[int, str]]) -> None:
    asyncio.run(_follow(steps))


async def _follow(steps: Sequence[tuple[int, str]]) -> None:
    database, sent, made = MemoryDatabase(), list[Shipment](), 0
    book = a_book(database)
    for count, what in steps:
        cargo = [Cargo(grant_id=ids.derive(ids.ROOT, str(made + n)), gas=5, gas_alone=21_000) for n in range(count)]
        made += count
        shipment = await book.reserve(cargo, used=0)
        assert [one.place for one in shipment.transfers] == list(range(count))
        match what:
            case "send":
                sent.append(await book.sent(shipment, SENDING, [()] * count, naive_tip_wei=1))
            case "give back":
                await book.give_back(shipment)
                assert [await book.of_grant(one.grant_id) for one in cargo] == [None] * count
            case _:
                book = a_book(database)
                await book.read()
                assert book.reserved == shipment, "as it was"
                sent.append(await book.sent(shipment, SENDING, [()] * count, naive_tip_wei=1))
    assert [one.nonce for one in sent] == list(range(len(sent)))
    assert book.open == tuple(sent)
    for shipment in sent:
        for one in shipment.transfers:
            assert await book.of_grant(one.grant_id) == one


async def test_a_fee_is_shared_by_those_who_were_paid_and_a_refusal_waits_for_the_end() -> None:
    book = a_book(MemoryDatabase())
    cargo = [Cargo(grant_id=ids.derive(ids.ROOT, str(n)), gas=5, gas_alone=21_000) for n in range(3)]
    shipment = await book.sent(await book.reserve(cargo, used=0), SENDING, [()] * 3, naive_tip_wei=2)
    seen = Seen(hash="0x1", block=7, succeeded=True, gas_used=50_001, price_wei=3, base_wei=1)
    mined = await book.mined(shipment, seen, paid=(True, False, True))
    assert [int(one.paid_wei) for one in mined.transfers] == [75_002, 0, 75_001]
    assert [int(one.naive_wei) for one in mined.transfers] == [63_000] * 3, "each alone at the advised tip"
    lost = await book.step(mined, TransferCommand.LOSE)
    assert {one.state for one in lost.transfers} == {TransferState.SENT}, "with its block, a refusal goes too"
    again = await book.mined(lost, seen, paid=(True, True, False))
    ended = await book.conclude(again)
    assert [one.state for one in ended.transfers] == [TransferState.FINAL, TransferState.FINAL, TransferState.REVERTED]
    assert book.open == ()


def test_a_refusal_in_the_pool_is_none() -> None:
    made = Transfer(id=ids.derive(ids.ROOT, "x"), chain="polygon", wallet="treasury", nonce=0, grant_id="g",
                    state=TransferState.SENT)  # fmt: skip
    with pytest.raises(Refused):
        made.after(TransferCommand.REVERT)


# ── the cap on fees ─────────────────────────────────────────────────────────────────────────────────────────────────


@given(gas=st.integers(100_000, 2_000_000), places=st.integers(1, 32))
def test_a_shipments_cap_is_that_of_its_payments(gas: int, places: int) -> None:
    cap = fees.cap_wei(RULES, gas, places=places)
    assert cap <= RULES.fee_wei_max
    assert gas * cap * RULES.coin_micros_max // 10**18 <= places * RULES.fee_micros_max


@given(alone=st.lists(st.integers(25_000, 200_000), min_size=1, max_size=32))
def test_what_may_be_used_is_more_than_what_should(alone: list[int]) -> None:
    should, may = fees.shared_token_gas(alone, [one * 5 // 4 - 21_000 for one in alone])
    assert should < may
