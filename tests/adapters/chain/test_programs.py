"""The code of several payments on a real node: whoever can be paid is, all else comes back, nothing stays behind."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chimera.adapters.chain.fees import SHARED_TOKEN_GAS, SPARED_TOKEN_GAS
from chimera.adapters.vault.transactions import WITHOUT_END, contract_of
from chimera.domain.address import checksummed
from chimera.domain.keccak import keccak256
from chimera.domain.programs import Drawn, Place, pay_coins, pay_tokens
from chimera.testing.chain.anvil import RICH, RICH_KEY, Anvil
from tests.examples import examples

pytestmark = [pytest.mark.requirement("R-E6"), pytest.mark.slow, pytest.mark.timeout(240)]
PATIENT = settings(
    max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

# Code that turns coins away; that burns all the gas it is given; that calls whoever paid it back with the coins.
REFUSES, BURNS, RETURNS = "0x5f5ffd", "0x5b5f56", "0x5f5f5f5f47335af1"
MANNERS = ("plain", "new", "refuses", "burns", "returns")


@pytest.fixture
async def node(tmp_path: Path) -> AsyncGenerator[Anvil]:
    made = Anvil(tmp_path / "node", chain_id=137, block_seconds=0.05)
    await made.start()
    try:
        yield made
    finally:
        await made.kill()


def somebody(number: int) -> bytes:
    return keccak256(number.to_bytes(8, "big"))[:20]


async def coins_of(node: Anvil, address: str) -> int:
    return int(await node.ask("eth_getBalance", address, "latest"), 16)


async def sent(node: Anvil, code: bytes, *, value: int = 0) -> dict[str, Any]:
    digest = await node.ask("eth_sendTransaction", {"from": RICH, "data": "0x" + code.hex(), "value": hex(value),
                                                    "gas": hex(12_000_000)})  # fmt: skip
    return await node.mined(digest)


def told(receipt: dict[str, Any], places: int) -> list[bool]:
    """The one log of the address that was made."""
    logs = [one for one in receipt["logs"] if one["address"] == receipt["contractAddress"]]
    assert len(logs) == 1
    bits = int(logs[0]["data"], 16)
    return [bool(bits >> (places - 1 - place) & 1) for place in range(places)]


class Numbers:
    """Fresh addresses from example to example."""

    def __init__(self) -> None:
        self.last = 0

    def next(self) -> bytes:
        self.last += 1
        return somebody(self.last)


async def of_manner(node: Anvil, manner: str, recipient: bytes) -> None:
    code = {"refuses": REFUSES, "burns": BURNS, "returns": RETURNS}.get(manner)
    if code:
        await node.ask("anvil_setCode", "0x" + recipient.hex(), code)
    elif manner == "plain":
        await node.fund("0x" + recipient.hex(), wei=1)


@pytest.fixture
def numbers() -> Numbers:
    return Numbers()


async def test_coins(node: Anvil, numbers: Numbers) -> None:
    """By many examples on one node: hypothesis draws, the node answers."""

    async def one(drawn: Sequence[tuple[str, int]]) -> None:
        places = [Place(recipient=numbers.next(), units=units, gas=20_000) for _, units in drawn]
        for (manner, _), place in zip(drawn, places, strict=True):
            await of_manner(node, manner, place.recipient)
        held = [await coins_of(node, "0x" + place.recipient.hex()) for place in places]
        before, total = await coins_of(node, RICH), sum(place.units for place in places)
        receipt = await sent(node, pay_coins(places), value=total)
        fee = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
        paid = told(receipt, len(places))
        assert paid == [manner not in ("refuses", "burns") for manner, _ in drawn]
        got = sum(place.units for place, one in zip(places, paid, strict=True) if one)
        returned = sum(units for manner, units in drawn if manner == "returns")
        for (manner, units), place, had, is_paid in zip(drawn, places, held, paid, strict=True):
            kept = units if is_paid and manner != "returns" else 0
            assert await coins_of(node, "0x" + place.recipient.hex()) == had + kept, manner
        assert before - await coins_of(node, RICH) == got - returned + fee, "what was refused or sent back came back"
        assert await coins_of(node, receipt["contractAddress"]) == 0
        assert await node.ask("eth_getCode", receipt["contractAddress"], "latest") == "0x"

    for drawn in draws(st.tuples(st.sampled_from(MANNERS), st.integers(1, 10**15))):
        await one(drawn)


def draws(strategy: st.SearchStrategy[Any]) -> list[list[Any]]:
    """Hypothesis' own examples, gathered first: its tests cannot wait for a node."""
    found: list[list[Any]] = []

    @PATIENT
    @given(st.lists(strategy, min_size=2, max_size=12))
    def gather(drawn: list[Any]) -> None:
        found.append(drawn)

    gather()
    return found


def word(token: str, payer: str, *, units: int, nonce: int) -> Drawn:
    """The wallet's word, as `eth-account` would sign it."""
    fields = [("from", "address"), ("to", "address"), ("value", "uint256"), ("validAfter", "uint256"),
              ("validBefore", "uint256"), ("nonce", "bytes32")]  # fmt: skip
    drawing = keccak256(nonce.to_bytes(8, "big"))
    message = encode_typed_data(
        {"name": "USD Coin", "version": "2", "chainId": 137, "verifyingContract": token},
        {"ReceiveWithAuthorization": [{"name": name, "type": kind} for name, kind in fields]},
        {"from": payer, "to": checksummed(contract_of(payer, nonce).hex()), "value": units, "validAfter": 0,
         "validBefore": WITHOUT_END, "nonce": drawing},
    )  # fmt: skip
    signed = Account.from_key(RICH_KEY).sign_message(message)
    return Drawn(token=bytes.fromhex(token[2:]), before=WITHOUT_END, nonce=drawing, v=signed.v, r=signed.r, s=signed.s)


async def test_tokens(node: Anvil, numbers: Numbers) -> None:
    token = checksummed((await node.deploy_token())[2:])

    async def one(drawn: Sequence[tuple[bool, int]], *, lacking: int = 0) -> None:
        places = [Place(recipient=numbers.next(), units=units, gas=80_000) for _, units in drawn]
        for (shut_out, _), place in zip(drawn, places, strict=True):
            if shut_out:
                data = "0xf9f92be4" + place.recipient.hex().rjust(64, "0")
                await node.mined(await node.ask("eth_sendTransaction", {"from": RICH, "to": token, "data": data}))
        before, total = await node.balance(token, RICH), sum(place.units for place in places)
        nonce = int(await node.ask("eth_getTransactionCount", RICH, "latest"), 16)
        receipt = await sent(node, pay_tokens(places, word(token, RICH, units=total + lacking, nonce=nonce)))
        paid = told(receipt, len(places))
        # A word for another sum is none: nothing comes in, and nobody is paid.
        assert paid == [not shut_out and not lacking for shut_out, _ in drawn]
        for place, is_paid in zip(places, paid, strict=True):
            assert await node.balance(token, "0x" + place.recipient.hex()) == (place.units if is_paid else 0)
        spent = sum(place.units for place, is_paid in zip(places, paid, strict=True) if is_paid)
        assert before - await node.balance(token, RICH) == spent
        assert await node.balance(token, receipt["contractAddress"]) == 0

    for drawn in draws(st.tuples(st.booleans(), st.integers(1, 10**9))):
        await one(drawn)
    await one([(False, 5), (False, 6)], lacking=1)


async def test_what_is_reckoned_for_tokens_is_near_what_is_used(node: Anvil, numbers: Numbers) -> None:
    """Never so low that a shipment would be dearer than its payments alone."""
    token = checksummed((await node.deploy_token())[2:])
    for places_count in (2, 5, 16):
        places = [Place(recipient=numbers.next(), units=7, gas=80_000) for _ in range(places_count)]
        for place in places:
            await node.give_tokens(token, "0x" + place.recipient.hex(), 1)
        data = "0xa9059cbb" + places[0].recipient.hex().rjust(64, "0") + f"{7:064x}"
        alone = int(await node.ask("eth_estimateGas", {"from": RICH, "to": token, "data": data}), 16)
        nonce = int(await node.ask("eth_getTransactionCount", RICH, "latest"), 16)
        code = pay_tokens(places, word(token, RICH, units=7 * places_count, nonce=nonce))
        used = int((await sent(node, code))["gasUsed"], 16)
        reckoned = SHARED_TOKEN_GAS + places_count * (alone - SPARED_TOKEN_GAS)
        assert used <= reckoned <= used + 25_000, (places_count, used, reckoned)
        assert (used < places_count * alone) == (places_count >= 5), "from about five on"
