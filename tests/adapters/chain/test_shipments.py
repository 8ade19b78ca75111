"""Small payments in one transaction, on real nodes under both chains' ids: each once, whatever happens on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from msgspec.structs import replace

from chimera.adapters.chain.ledger import Cargo
from chimera.adapters.chain.wallet import ChainWallet
from chimera.domain.action import Action
from chimera.domain.address import checksummed
from chimera.domain.grant import Performance, PerformanceState
from chimera.domain.granted import Granted
from chimera.domain.keccak import keccak256
from chimera.domain.transfer import Transfer, TransferState
from chimera.domain.wallets import NATIVE
from chimera.ports.wallet import Item, Postage
from chimera.testing.chain.anvil import Anvil
from tests.chain_house import VENDOR, ChainHouse, a_chain_payment, chain_house

pytestmark = [pytest.mark.requirement("R-E4", "R-E6"), pytest.mark.slow, pytest.mark.timeout(400)]

MANY = 8
FINAL_BLOCKS = 12
OTHERS = tuple(checksummed(keccak256(bytes([n]))[:20].hex()) for n in range(3))
GWEI = 10**9
# Where our token keeps whom it shuts out: the fourth of its mappings.
SHUT_OUT_SLOT = 3


@asynccontextmanager
async def sharing(*chains: str, **rules: object) -> AsyncGenerator[ChainHouse]:
    """A house whose small payments wait up to five seconds for one another."""
    given: dict[str, Any] = {"shared_max": MANY, "gather_seconds": 5.0, "recipients": (VENDOR, *OTHERS), **rules}
    with TemporaryDirectory(prefix="c") as name:
        async with chain_house(Path(name), chains=chains, **given) as house:
            for node in house.nodes.values():
                for one in OTHERS:
                    await node.fund(one, wei=1)
            yield house


async def pay_all(house: ChainHouse, actions: Sequence[Action]) -> list[tuple[Granted, Performance]]:
    granted = [await house.grant(one) for one in actions]
    made = await asyncio.gather(*(house.pay(one) for one in granted))
    return list(zip(granted, made, strict=True))


async def transfers(house: ChainHouse) -> list[Transfer]:
    found: list[Transfer] = []
    while page := await house.manager.list(Transfer, after=found[-1].id if found else ""):
        found += page
    return found


async def wait_for(house: ChainHouse, *states: TransferState) -> list[Transfer]:
    async with asyncio.timeout(120):
        while not (found := await transfers(house)) or not all(one.state in states for one in found):
            await asyncio.sleep(0.1)
    return found


async def units_of(node: Anvil, address: str) -> int:
    return int(await node.ask("eth_getBalance", address, "latest"), 16)


async def used(house: ChainHouse, chain: str) -> int:
    return int(await house.nodes[chain].ask("eth_getTransactionCount", house.address, "latest"), 16)


async def mining(node: Anvil, *, on: bool) -> None:
    await node.ask("evm_setIntervalMining", 1 if on else 0)


async def books_agree(house: ChainHouse) -> None:
    reads = await house.found.ledger()
    try:
        assert await reads.disagreements() == ()
    finally:
        await reads.close()


def coins(number: int, *, chain: str) -> Action:
    to = (VENDOR, *OTHERS)[number % 4]
    return a_chain_payment(10**12 + number, chain=chain, asset=NATIVE, cost_micros=5_000, recipient=to)


# ── the ordinary course ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_small_payments_go_together_and_share_the_fee_to_the_last_wei() -> None:
    async with sharing("ethereum", "polygon") as house:
        tokens = [a_chain_payment(1_000 + n, chain=chain, recipient=(VENDOR, *OTHERS)[n % 4])
                  for chain in house.nodes for n in range(MANY)]  # fmt: skip
        paid = await pay_all(house, [*tokens, *(coins(n, chain=chain) for chain in house.nodes for n in range(MANY))])
        assert {one.state for _, one in paid} == {PerformanceState.FINISHED}, paid
        for chain, node in house.nodes.items():
            assert await used(house, chain) == 2, "one transaction for the tokens, one for the coins"
            log = await node.received(house.tokens[chain], VENDOR, *OTHERS)
            assert sorted(units for units, _ in log) == [1_000 + n for n in range(MANY)]
            assert await units_of(node, OTHERS[0]) == 1 + sum(10**12 + n for n in range(MANY) if n % 4 == 1)
            await _shared_exactly(node, [one for granted, one in paid if granted.grant.action.platform == chain])
        await books_agree(house)


async def _shared_exactly(node: Anvil, made: Sequence[Performance]) -> None:
    """Sum of parts = whole, by the node's own receipt; and less than alone."""
    receipts = [one.receipt for one in made if one.receipt]
    for digest in {one["hash"] for one in receipts}:
        parts = [one for one in receipts if one["hash"] == digest]
        told = await node.mined(digest)
        whole = int(told["gasUsed"], 16) * int(told["effectiveGasPrice"], 16)
        assert sum(int(one["fee_wei"]) for one in parts) == whole
        assert sorted(one["place"] for one in parts) == list(range(MANY))
        assert all(int(one["saved_wei"]) > 0 and one["places"] == MANY for one in parts)
        assert await node.ask("eth_getCode", told["contractAddress"], "latest") == "0x", "nothing is left there"
        assert await units_of(node, told["contractAddress"]) == 0
    assert all({word.partition(":")[0] for word in one["consents"]} == {"cfo", "second"} for one in receipts)


async def test_what_is_urgent_large_or_alone_goes_alone() -> None:
    async with sharing("polygon", shared_micros_max=2_000) as house:
        urgent = a_chain_payment(1_000, chain="polygon")
        urgent_one = replace(urgent, arguments={**urgent.arguments, "urgent": True})
        paid = await pay_all(house, [urgent_one, a_chain_payment(2_001, chain="polygon"), *(
            a_chain_payment(1_500 + n, chain="polygon") for n in range(2)
        )])  # fmt: skip
        assert {one.state for _, one in paid} == {PerformanceState.FINISHED}, paid
        assert [one.receipt and one.receipt["places"] for _, one in paid] == [1] * 4, "two together would cost more"
        assert await used(house, "polygon") == 4


# ── somebody is refused ─────────────────────────────────────────────────────────────────────────────────────────────


async def _shut_out(node: Anvil, token: str, address: str, *, out: bool) -> None:
    at = keccak256(bytes.fromhex(address[2:]).rjust(32, b"\x00") + SHUT_OUT_SLOT.to_bytes(32, "big"))
    await node.ask("anvil_setStorageAt", token, "0x" + at.hex(), f"0x{int(out):064x}")


async def test_one_who_cannot_be_paid_undoes_nobody_else() -> None:
    """A recipient that turns away coins, and one whom the token shuts out, both after the shipment was signed."""
    async with sharing("polygon", final_blocks=FINAL_BLOCKS) as house:
        node, token = house.nodes["polygon"], house.tokens["polygon"]
        actions = [coins(n, chain="polygon") for n in range(MANY)]
        made = await _paid_meanwhile(house, actions, node.ask("anvil_setCode", OTHERS[2], "0x5f5ffd"))
        assert [(one.state, one.later) for one in made[3::4]] == [(PerformanceState.FAILED, True)] * 2, made
        assert {one.state for n, one in enumerate(made) if n % 4 != 3} == {PerformanceState.FINISHED}, made
        await node.ask("anvil_setCode", OTHERS[2], "0x")
        before = await node.balance(token, house.address)
        actions = [a_chain_payment(1_000 + n, chain="polygon", recipient=(VENDOR, *OTHERS)[n % 4]) for n in range(MANY)]
        made = await _paid_meanwhile(house, actions, _shut_out(node, token, OTHERS[1], out=True))
        assert [(one.state, one.later) for one in made[2::4]] == [(PerformanceState.FAILED, True)] * 2, made
        assert {one.state for n, one in enumerate(made) if n % 4 != 2} == {PerformanceState.FINISHED}, made
        assert [one.receipt and one.receipt["places"] for one in made[3::4]] == [1, 1], "alone, since the coins"
        spent = sum(1_000 + n for n in range(MANY) if n % 4 != 2)
        assert before - await node.balance(token, house.address) == spent, "the rest came back"
        again = await house.pay(await house.grant(actions[2]))
        assert again.state is PerformanceState.FAILED
        assert not again.later, "alone it is refused before it begins"
        await books_agree(house)


async def _paid_meanwhile(
    house: ChainHouse, actions: Sequence[Action], happens: Coroutine[object, object, object]
) -> list[Performance]:
    """Granted and signed while the chain rests; then something happens, and the chain goes on."""
    node = house.nodes["polygon"]
    granted = [await house.grant(one) for one in actions]
    await mining(node, on=False)
    paying = [asyncio.create_task(house.pay(one)) for one in granted]
    await _signed(house, granted)
    await happens
    await mining(node, on=True)
    await asyncio.wait(paying, return_when=asyncio.FIRST_COMPLETED)
    # It is in a block: those that make it final come at once, and not a second apart.
    await node.ask("anvil_mine", hex(FINAL_BLOCKS))
    return await asyncio.gather(*paying)


async def _signed(house: ChainHouse, granted: Sequence[Granted]) -> None:
    wanted = {one.grant.id for one in granted}
    async with asyncio.timeout(60):
        while not wanted <= {one.grant_id for one in await transfers(house) if one.state is TransferState.SENT}:
            await asyncio.sleep(0.05)


async def _replaced(house: ChainHouse) -> None:
    async with asyncio.timeout(60):
        while max(len(one.sendings) for one in await transfers(house)) == 1:
            await asyncio.sleep(0.05)


# ── crashes, and what chains do ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.faults
async def test_we_die_between_signing_and_sending() -> None:
    """The vault has signed, and nobody has written it down: the same places are signed for again, and come once."""
    async with sharing("polygon") as house:
        node, rules = house.nodes["polygon"], house.rules(shared_max=MANY, recipients=(VENDOR, *OTHERS))
        await mining(node, on=False)
        granted = [await house.grant(a_chain_payment(1_000 + n, chain="polygon")) for n in range(MANY)]
        acting = [asyncio.create_task(house.pay(one)) for one in granted]
        await _signed(house, granted)
        raw = next(one for one in await transfers(house) if one.sendings).sendings[0]
        for one in acting:
            one.cancel()
        await asyncio.gather(*acting, return_exceptions=True)
        # As if the bytes had never reached anybody: the node forgets them, and we begin anew.
        await node.ask("anvil_dropTransaction", raw.hash)
        async with house.reopened(rules):
            await mining(node, on=True)
            found = await wait_for(house, TransferState.FINAL)
        assert len(found) == MANY
        assert sorted(one.place for one in found) == list(range(MANY))
        log = await node.received(house.tokens["polygon"], VENDOR, *OTHERS)
        assert sorted(units for units, _ in log) == [1_000 + n for n in range(MANY)]
        assert await used(house, "polygon") == 1


@pytest.mark.faults
async def test_a_shipment_that_only_the_vault_has_signed_is_finished_also_after_a_halt() -> None:
    async with sharing("polygon") as house:
        granted = [await house.grant(a_chain_payment(1_000 + n, chain="polygon")) for n in range(MANY)]
        wallet = house.wallets["polygon"]
        shipment = await _reserved_and_signed(house, wallet, granted)
        await _say_halted(house, ["platform:polygon"])
        rules = house.rules(shared_max=MANY, recipients=(VENDOR, *OTHERS))
        async with house.reopened(rules):
            await _blocks(house.nodes["polygon"], 8)
            held = await transfers(house)
            assert {one.state for one in held} == {TransferState.RESERVED}, "kept: the vault has signed for it"
            await _say_halted(house, [])
            found = await wait_for(house, TransferState.FINAL)
        assert {one.nonce for one in found} == {shipment}
        log = await house.nodes["polygon"].received(house.tokens["polygon"], VENDOR, *OTHERS)
        assert sorted(units for units, _ in log) == [1_000 + n for n in range(MANY)]


async def _reserved_and_signed(house: ChainHouse, wallet: ChainWallet, granted: Sequence[Granted]) -> int:
    """What a wallet does until the vault has answered, and not one line further."""
    async with wallet._turn:
        await wallet._ready()
        riders = [await wallet._item(one.grant.id, gas=60_000) for one in granted]
        cargo = [Cargo(grant_id=one.grant.id, gas=60_000, gas_alone=60_000) for one in granted]
        shipment = await wallet._reserved(cargo)
        first = house.client("first", "effects")
        items = tuple(Item(evidence=one.evidence, consents=one.consents, gas=60_000) for one in riders)
        await first.sign_shipment(items, Postage(nonce=shipment.nonce, gas=600_000, fee_wei=10**9, tip_wei=10**8))
        await first.close()
        wallet.book._open.clear()
    return shipment.nonce


async def _blocks(node: Anvil, count: int) -> None:
    """So long that the wallet has looked at the chain again and again."""
    until = int(await node.ask("eth_blockNumber"), 16) + count
    while int(await node.ask("eth_blockNumber"), 16) < until:
        await asyncio.sleep(0.05)


async def _say_halted(house: ChainHouse, scopes: list[str]) -> None:
    for which in ("first", "second"):
        office = house.client(which, "office")
        await office.halt(scopes)
        await office.close()


@pytest.mark.faults
async def test_a_stuck_shipment_is_replaced_as_a_whole() -> None:
    async with sharing("ethereum") as house:
        node = house.nodes["ethereum"]
        granted = [await house.grant(a_chain_payment(1_000 + n)) for n in range(MANY)]
        await mining(node, on=False)
        paying = [asyncio.create_task(house.pay(one)) for one in granted]
        await _signed(house, granted)
        offered = next(one for one in await transfers(house) if one.sendings).sendings[0].fee_wei
        await node.ask("anvil_setNextBlockBaseFeePerGas", hex(offered + offered // 5))
        # Not one block before: each that is empty takes an eighth off the price, and what was offered is enough again.
        await _replaced(house)
        await mining(node, on=True)
        made = await asyncio.gather(*paying)
        assert {one.state for one in made} == {PerformanceState.FINISHED}, made
        found = await transfers(house)
        assert {one.nonce for one in found} == {0}
        log = await node.received(house.tokens["ethereum"], VENDOR, *OTHERS)
        assert sorted(units for units, _ in log) == [1_000 + n for n in range(MANY)]


@pytest.mark.faults
async def test_a_block_is_taken_back_and_with_it_a_refusal() -> None:
    """Whom the chain refused in one block it pays in the next: until its block is final nobody is told of a no."""
    async with sharing("polygon", final_blocks=24) as house:
        node, token = house.nodes["polygon"], house.tokens["polygon"]
        granted = [await house.grant(a_chain_payment(1_000 + n, chain="polygon", recipient=(VENDOR, *OTHERS)[n % 4]))
                   for n in range(MANY)]  # fmt: skip
        await mining(node, on=False)
        paying = [asyncio.create_task(house.pay(one)) for one in granted]
        await _signed(house, granted)
        await _shut_out(node, token, OTHERS[2], out=True)
        await mining(node, on=True)
        mined = await wait_for(house, TransferState.MINED)
        assert {one.grant_id for one in mined if not one.is_paid} == {one.grant.id for one in granted[3::4]}
        await mining(node, on=False)
        head = int(await node.ask("eth_blockNumber"), 16)
        await node.ask("anvil_rollback", head - mined[0].block + 1)
        await _shut_out(node, token, OTHERS[2], out=False)
        await mining(node, on=True)
        made = await asyncio.gather(*paying)
        assert {one.state for one in made} == {PerformanceState.FINISHED}, made
        found = await wait_for(house, TransferState.FINAL)
        assert {one.nonce for one in found} == {0}
        log = await node.received(token, VENDOR, *OTHERS)
        assert sorted(units for units, _ in log) == [1_000 + n for n in range(MANY)]
        await books_agree(house)
