"""Several payments in one transaction, as the vault sees them: each judged by itself, the sum counted, none twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from hexbytes import HexBytes
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from chimera.adapters.vault.transactions import WITHOUT_END, contract_of, drawing_nonce
from chimera.domain import programs
from chimera.domain.action import Action
from chimera.domain.address import checksummed
from chimera.domain.errors import ChimeraError
from chimera.domain.wallets import NATIVE, Consent
from chimera.ports.wallet import Evidence, Item, Postage
from tests.adapters.vault.test_payments import POSTAGE, RULES, STRANGER, TOKEN, Two, evidence, now_us, person
from tests.chain_house import VENDOR, a_chain_payment
from tests.examples import examples

pytestmark = pytest.mark.requirement("R-E4", "R-E6")

SHARING = replace(RULES, shared_max=4, shared_micros_max=40_000_000)
OTHER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
TOGETHER = replace(POSTAGE, gas=300_000)


@pytest.fixture
def two(tmp_path: Path) -> Two:
    return Two(tmp_path, rules=replace(SHARING, recipients=(VENDOR, OTHER)))


def items(two: Two, shown: Sequence[Evidence], *, gas: int = 30_000) -> tuple[Item, ...]:
    return tuple(
        Item(evidence=one, consents=(two.second.consent(one, now_us=now_us()),), gas=gas) for one in shown
    )  # fmt: skip


def refused(two: Two, given: Sequence[Item], postage: Postage = TOGETHER) -> str:
    with pytest.raises(ChimeraError) as refusal:
        two.first.shipment(given, postage, now_us=now_us())
    return refusal.value.code


def test_coins_for_several_are_the_code_that_was_read(two: Two) -> None:
    amounts = (10**12 + 7, 10**12 + 9)
    shown = [evidence(a_chain_payment(units, asset=NATIVE, cost_micros=5_000, recipient=to))
             for units, to in zip(amounts, (VENDOR, OTHER), strict=True)]  # fmt: skip
    signed = two.first.shipment(items(two, shown), TOGETHER, now_us=now_us())
    assert Account.recover_transaction(signed.raw) == two.coin.address
    told = TypedTransaction.from_bytes(HexBytes(signed.raw)).as_dict()
    assert not told["to"], "nobody is called: the code runs once"
    assert (told["value"], told["nonce"], told["gas"]) == (sum(amounts), 0, 300_000)
    places = [programs.Place(recipient=bytes.fromhex(to[2:]), units=units, gas=30_000)
              for units, to in zip(amounts, (VENDOR, OTHER), strict=True)]  # fmt: skip
    assert bytes(told["data"]) == programs.pay_coins(places)
    for one, agreed in zip(shown, signed.consents, strict=True):
        assert [consent.role for consent in agreed] == ["cfo", "second"], "two keys under each"
        with pytest.raises(ChimeraError):
            two.first.transfer(one, POSTAGE, agreed, now_us=now_us())


def test_tokens_are_drawn_by_a_word_that_they_would_sign(two: Two) -> None:
    shown = [evidence(a_chain_payment(units)) for units in (1_000, 2_500)]
    signed = two.first.shipment(items(two, shown), replace(TOGETHER, nonce=7), now_us=now_us())
    data = bytes(TypedTransaction.from_bytes(HexBytes(signed.raw)).as_dict()["data"])
    fields = [("from", "address"), ("to", "address"), ("value", "uint256"), ("validAfter", "uint256"),
              ("validBefore", "uint256"), ("nonce", "bytes32")]  # fmt: skip
    message = encode_typed_data(
        {"name": "USD Coin", "version": "2", "chainId": 1, "verifyingContract": TOKEN.address},
        {"ReceiveWithAuthorization": [{"name": name, "type": kind} for name, kind in fields]},
        {
            "from": two.coin.address,
            "to": checksummed(contract_of(two.coin.address, 7).hex()),
            "value": 3_500,
            "validAfter": 0,
            "validBefore": WITHOUT_END,
            "nonce": drawing_nonce([one.grant.id for one in shown]),
        },
    )
    theirs = Account.from_key(two.coin._key.private_numbers().private_value.to_bytes(32, "big")).sign_message(message)
    assert theirs.r.to_bytes(32, "big").lstrip(b"\x00") in data
    assert theirs.s.to_bytes(32, "big").lstrip(b"\x00") in data


def test_again_means_the_same_places_and_only_other_postage(two: Two) -> None:
    shown = [evidence(a_chain_payment(units)) for units in (1, 2, 3)]
    given = items(two, shown)
    first = two.first.shipment(given, TOGETHER, now_us=now_us())
    assert two.first.shipment(given, TOGETHER, now_us=now_us()).raw == first.raw
    raised = replace(TOGETHER, fee_wei=2 * 10**9)
    assert two.first.shipment(given, raised, now_us=now_us()).raw != first.raw, "a replacement"
    fresh = items(two, [evidence(a_chain_payment(4))])
    for name, others, postage in (
        ("in another order", given[::-1], TOGETHER),
        ("fewer", given[:2], TOGETHER),
        ("with another in it", (*given[:2], *fresh), TOGETHER),
        ("at another nonce", given, replace(TOGETHER, nonce=1)),
    ):
        assert refused(two, others, postage) in ("vault_grant_has_nonce", "vault_nonce_taken"), name
    with pytest.raises(ChimeraError) as alone:
        two.first.transfer(shown[0], POSTAGE, given[0].consents, now_us=now_us())
    assert alone.value.code == "vault_grant_has_nonce", "nor alone at its nonce"
    with pytest.raises(ChimeraError) as taken:
        two.first.transfer(fresh[0].evidence, POSTAGE, fresh[0].consents, now_us=now_us())
    assert taken.value.code == "vault_nonce_taken", "nor anybody else there"


BAD: dict[str, tuple[Callable[[], list[Evidence]], str]] = {
    "one": (lambda: [evidence(a_chain_payment(1))], "vault_not_together"),
    "none": (list[Evidence], "vault_not_together"),
    "too many": (lambda: [evidence(a_chain_payment(n)) for n in range(1, 6)], "vault_not_together"),
    "one twice": (lambda: [evidence(a_chain_payment(1))] * 2, "vault_not_together"),
    "two assets": (
        lambda: [evidence(a_chain_payment(1)), evidence(a_chain_payment(1, asset=NATIVE, cost_micros=5_000))],
        "vault_not_together",
    ),
    "two chains": (
        lambda: [evidence(a_chain_payment(1)), evidence(a_chain_payment(1, chain="polygon"))], "vault_not_together",
    ),
    "not small": (lambda: [evidence(a_chain_payment(n)) for n in (1, 40_000_001)], "vault_not_together"),
    "urgent": (lambda: [evidence(a_chain_payment(1)), evidence(an_urgent_one())], "vault_not_together"),
    "one of another policy": (
        lambda: [evidence(a_chain_payment(1)), evidence(a_chain_payment(2), policy_digest="q" * 64)],
        "vault_policy_differs",
    ),
    "one sealed by another": (
        lambda: [evidence(a_chain_payment(1)), evidence(a_chain_payment(2), key=STRANGER)], "seal_not_genuine",
    ),
    "one to nobody's address": (
        lambda: [evidence(a_chain_payment(1)), evidence(a_chain_payment(2, recipient=checksummed("ab" * 20)))],
        "recipient_not_listed",
    ),
    "beyond the cap by their sum": (
        lambda: [evidence(a_chain_payment(30_000_000)) for _ in range(4)], "vault_over_cap",
    ),
}  # fmt: skip


def an_urgent_one() -> Action:
    action = a_chain_payment(2)
    return replace(action, arguments={**action.arguments, "urgent": True})


@pytest.mark.parametrize("what", sorted(BAD))
def test_what_does_not_go_together(two: Two, what: str) -> None:
    make, code = BAD[what]
    good = Consent(role="second", key_id="k", signature="00")
    given = tuple(Item(evidence=one, consents=(good,), gas=30_000) for one in make())
    if code == "vault_over_cap":
        given = (*items(two, [one.evidence for one in given[:3]]), _agreed_by_a_person(given[3]))
    assert refused(two, given) == code
    assert two.first.transfer(*_a_good_one(two), now_us=now_us()).raw, "nothing of it was counted"


def _agreed_by_a_person(item: Item) -> Item:
    """The second vault's own count would say no to the fourth; a person agrees instead."""
    return replace(item, consents=(person(item.evidence),))


def _a_good_one(two: Two) -> tuple[Evidence, Postage, tuple[Consent, ...]]:
    shown = evidence(a_chain_payment(9_000_000))
    return shown, POSTAGE, (two.second.consent(shown, now_us=now_us()),)


def test_each_needs_two_keys(two: Two) -> None:
    given = items(two, [evidence(a_chain_payment(1)), evidence(a_chain_payment(2))])
    assert refused(two, (given[0], replace(given[1], consents=()))) == "vault_second_key_missing"
    assert refused(two, (given[0], replace(given[1], consents=given[0].consents))) == "vault_second_key_missing"
    assert two.first.shipment(given, TOGETHER, now_us=now_us()).consents


def test_carriage_is_bounded_by_what_they_might_cost_alone(two: Two) -> None:
    given = items(two, [evidence(a_chain_payment(n)) for n in (1, 2)])
    for dear in (
        replace(TOGETHER, gas=2 * RULES.gas_max + 1), replace(TOGETHER, fee_wei=RULES.fee_wei_max + 1),
        replace(TOGETHER, gas=2 * RULES.gas_max, fee_wei=26 * 10**9), replace(TOGETHER, nonce=-1),
    ):  # fmt: skip
        assert refused(two, given, dear) == "vault_fee_too_high"
    assert refused(two, [replace(one, gas=RULES.gas_max + 1) for one in given]) == "vault_fee_too_high"
    assert two.first.shipment(given, replace(TOGETHER, gas=2 * RULES.gas_max, fee_wei=24 * 10**9), now_us=now_us()).raw


def test_what_was_signed_before_is_told_from_what_was_not(two: Two) -> None:
    """The wallet gives a nonce back when nothing was signed for it, and only then."""
    given = items(two, [evidence(a_chain_payment(n)) for n in (1, 2)])
    two.halted = frozenset({"fleet"})
    assert refused(two, given) == "halted"
    two.halted = frozenset()
    two.first.shipment(given, TOGETHER, now_us=now_us())
    two.halted = frozenset({"fleet"})
    assert refused(two, given) == "vault_signed_before"
    assert refused(two, [replace(one, consents=()) for one in given]) == "vault_signed_before"


@settings(max_examples=examples(25), deadline=None)
@given(st.data())
def test_whatever_is_asked_a_grant_has_one_place_and_the_day_its_cap(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """No row of asks, restarts among them, gives a grant two places, a place two grants, or a day more than its cap."""
    folder = tmp_path_factory.mktemp("asked")
    shown = [evidence(a_chain_payment(12_000_000)) for _ in range(12)]
    two, signed = Two(folder, rules=SHARING), dict[str, tuple[int, int, int]]()
    for _ in range(data.draw(st.integers(3, 10))):
        chosen = data.draw(st.lists(st.sampled_from(range(12)), min_size=2, max_size=4, unique=True))
        nonce = data.draw(st.integers(0, 3))
        try:
            two.first.shipment(items(two, [shown[n] for n in chosen]), replace(TOGETHER, nonce=nonce), now_us=now_us())
        except ChimeraError:
            continue
        for place, number in enumerate(chosen):
            slot = (nonce, place, len(chosen))
            assert signed.setdefault(shown[number].grant.id, slot) == slot
        if data.draw(st.booleans()):
            two = Two(folder, rules=SHARING)
    assert len(set(signed.values())) == len(signed)
    assert len({nonce: places for nonce, _, places in signed.values()}) == len({(n, p) for n, _, p in signed.values()})
    assert len(signed) * 12_000_000 <= RULES.cap_micros_day


def test_power_fails_between_two_lines_of_one_transaction(two: Two, tmp_path: Path) -> None:
    given = items(two, [evidence(a_chain_payment(n)) for n in (1, 2, 3)])
    whole = two.first.shipment(given, TOGETHER, now_us=now_us()).raw
    journal = tmp_path / "first"
    lines = journal.read_bytes().splitlines(keepends=True)
    assert [msgspec.json.decode(line)["place"] for line in lines] == [0, 1, 2]
    journal.write_bytes(b"".join(lines[:1]) + lines[1][:40])
    again = Two(tmp_path, rules=replace(SHARING, recipients=(VENDOR, OTHER)))
    other = items(again, [evidence(a_chain_payment(9))])
    with pytest.raises(ChimeraError) as alone:
        again.first.transfer(other[0].evidence, POSTAGE, other[0].consents, now_us=now_us())
    assert alone.value.code == "vault_nonce_taken"
    assert again.first.shipment(given, TOGETHER, now_us=now_us()).raw == whole
    assert again.first.shipment(given, TOGETHER, now_us=now_us()).raw == whole, "and counted once"
