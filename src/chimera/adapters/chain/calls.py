"""The few contract calls that payments need, as bytes."""

from __future__ import annotations

from chimera.domain.keccak import keccak256
from chimera.domain.wallets import NATIVE, ChainRules, Payment

_TRANSFER = keccak256(b"transfer(address,uint256)")[:4].hex()
_AUTHORIZATION = keccak256(b"authorizationState(address,bytes32)")[:4].hex()


def call_of(payment: Payment, rules: ChainRules) -> tuple[str, int, str]:
    """To, value and data of a payment, for an estimate."""
    if payment.asset == NATIVE:
        return payment.recipient, payment.units, "0x"
    token = rules.tokens[payment.asset]
    return token.address, 0, f"0x{_TRANSFER}{_word(payment.recipient)}{payment.units:064x}"


def authorization_state(address: str, nonce: str) -> str:
    """Whether an authorization was used."""
    return f"0x{_AUTHORIZATION}{_word(address)}{nonce.removeprefix('0x')}"


def _word(address: str) -> str:
    return address[2:].lower().rjust(64, "0")
