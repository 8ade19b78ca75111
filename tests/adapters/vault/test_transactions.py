"""What the vault signs is what the standards say: compared with eth-account, byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak as their_keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from chimera.adapters.vault import curve
from chimera.adapters.vault.coins import LocalCoinKey
from chimera.adapters.vault.transactions import signed_authorization, signed_transaction
from chimera.domain.address import checksummed, look_alike, parse_address
from chimera.domain.errors import ChimeraError
from chimera.domain.keccak import keccak256
from chimera.domain.wallets import NATIVE, USDC, Payment, Token, parse_units
from chimera.ports.wallet import Postage
from tests.examples import examples

pytestmark = pytest.mark.requirement("R-E4", "R-E6")

TO = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
TOKEN = Token(address="0x5FbDB2315678afecb367f032d93F642f64180aa3")


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_our_keccak_is_theirs(data: bytes) -> None:
    assert keccak256(data) == their_keccak(data)


@settings(deadline=None)
@given(st.binary(min_size=20, max_size=20))
def test_our_checksum_is_theirs(raw: bytes) -> None:
    ours = checksummed(raw.hex())
    assert ours == to_checksum_address(raw)
    if any(raw):
        assert parse_address(ours) == ours


BAD_ADDRESSES = {
    "": "address_malformed",
    "0x123": "address_malformed",
    TO[2:]: "address_malformed",
    TO + "0": "address_malformed",
    TO.lower(): "address_checksum",
    TO[:-1] + "c": "address_checksum",
    TO.replace("a", "\N{CYRILLIC SMALL LETTER A}"): "address_homoglyph",
    TO[:-1] + "\N{FULLWIDTH DIGIT ONE}": "address_homoglyph",
    "0x" + "0" * 40: "address_zero",
    " " + TO: "address_malformed",
    "vitalik.eth": "address_malformed",
}


@pytest.mark.parametrize("text", sorted(BAD_ADDRESSES))
def test_an_address_that_is_none(text: str) -> None:
    with pytest.raises(ChimeraError) as refusal:
        parse_address(text)
    assert refusal.value.code == BAD_ADDRESSES[text]


@pytest.mark.parametrize(
    "text",
    ["", "0", "-1", "+1", "1.5", "1e6", "NaN", "Infinity", "01", " 1", "1_000", "9" * 79, "\N{ARABIC-INDIC DIGIT ONE}"],
)
def test_units_that_are_none(text: str) -> None:
    with pytest.raises(ChimeraError) as refusal:
        parse_units(text)
    assert refusal.value.code == "units_malformed"


def test_78_digits_are_kept() -> None:
    assert parse_units("9" * 78) == 10**78 - 1


def test_a_look_alike_has_the_same_ends() -> None:
    assert look_alike(f"0x3C44{'0' * 32}93BC", TO)
    assert not look_alike(TO, TO)


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> tuple[LocalCoinKey, LocalAccount]:
    folder: Path = tmp_path_factory.mktemp("coins")
    ours = LocalCoinKey(folder / "treasury.key", b"secret")
    secret = ours._key.private_numbers().private_value.to_bytes(32, "big")
    return ours, Account.from_key(secret)


def test_a_key_survives_and_has_the_address_that_they_say(tmp_path: Path, key: tuple) -> None:
    ours, theirs = key
    assert ours.address == theirs.address
    made = LocalCoinKey(tmp_path / "one.key", b"secret").address
    assert LocalCoinKey(tmp_path / "one.key", b"secret").address == made
    with pytest.raises(ChimeraError) as refusal:
        LocalCoinKey(tmp_path / "one.key", b"another")
    assert refusal.value.code == "key_locked"


@settings(max_examples=examples(25), deadline=None)
@given(
    units=st.integers(1, 2**255), nonce=st.integers(0, 2**32), tip=st.integers(0, 2**40), native=st.booleans(),
    chain_id=st.sampled_from([1, 137]),
)  # fmt: skip
def test_a_transaction_is_the_one_that_they_would_sign(
    key: tuple, units: int, nonce: int, tip: int, native: bool, chain_id: int
) -> None:
    ours, theirs = key
    payment = Payment(chain="ethereum", wallet="treasury", recipient=TO, asset=NATIVE if native else USDC, units=units,
                      cost_micros=1)  # fmt: skip
    postage = Postage(nonce=nonce, gas=90_000, fee_wei=tip + 1_000, tip_wei=tip)
    digest, raw = signed_transaction(payment, postage, chain_id=chain_id, token=TOKEN, sign=ours.sign)
    data = "0x" if native else "0xa9059cbb" + TO[2:].rjust(64, "0") + f"{units:064x}"
    signed = theirs.sign_transaction({
        "type": 2, "chainId": chain_id, "nonce": nonce, "gas": 90_000, "maxFeePerGas": tip + 1_000,
        "maxPriorityFeePerGas": tip, "to": TO if native else TOKEN.address, "value": units if native else 0,
        "data": data,
    })  # fmt: skip
    assert (digest, raw) == (
        "0x" + signed.hash.hex().removeprefix("0x"),
        "0x" + signed.raw_transaction.hex().removeprefix("0x"),
    )


def test_an_authorization_is_the_one_that_they_would_sign(key: tuple) -> None:
    ours, theirs = key
    payment = Payment(chain="polygon", wallet="treasury", recipient=TO, asset=USDC, units=12_345, cost_micros=12_345)
    nonce = keccak256(b"x")
    signature = signed_authorization(payment, payer=ours.address, nonce=nonce, after=0, before=2_000_000_000,
                                     chain_id=137, token=TOKEN, sign=ours.sign)  # fmt: skip
    fields = [("from", "address"), ("to", "address"), ("value", "uint256"), ("validAfter", "uint256"),
              ("validBefore", "uint256"), ("nonce", "bytes32")]  # fmt: skip
    message = encode_typed_data(
        {"name": "USD Coin", "version": "2", "chainId": 137, "verifyingContract": TOKEN.address},
        {"TransferWithAuthorization": [{"name": name, "type": kind} for name, kind in fields]},
        {
            "from": ours.address,
            "to": TO,
            "value": 12_345,
            "validAfter": 0,
            "validBefore": 2_000_000_000,
            "nonce": nonce,
        },
    )
    assert signature == "0x" + theirs.sign_message(message).signature.hex().removeprefix("0x")


def test_a_signature_of_somebody_else_is_not_finished(key: tuple, tmp_path: Path) -> None:
    ours, _ = key
    other = LocalCoinKey(tmp_path / "other.key", b"secret")
    digest = keccak256(b"digest")
    _, r, s = other.sign(digest)
    with pytest.raises(ArithmeticError):
        curve.finished(digest, r, s, public=ours._public)
