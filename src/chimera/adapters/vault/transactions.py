"""The bytes that a wallet signs, built from a payment: an EIP-1559 transaction, or an EIP-3009 authorization.

Nothing is taken from outside but postage. A second reading of both standards, `eth-account`, stands beside it in tests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from chimera.domain.keccak import keccak256
from chimera.domain.programs import Drawn, Place, pay_coins, pay_tokens
from chimera.domain.wallets import NATIVE, Payment, Token
from chimera.ports.wallet import Postage

Sign: TypeAlias = Callable[[bytes], tuple[int, int, int]]
Rlp: TypeAlias = "int | bytes | Sequence[Rlp]"
# A word for a shipment's contract needs no end: nobody but that contract can use it, and it is made once, at its nonce.
WITHOUT_END = 2**64 - 1
_TRANSFER = keccak256(b"transfer(address,uint256)")[:4]
_DOMAIN_TYPE = keccak256(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
_FIELDS = b"(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
_AUTHORIZATION_TYPE = keccak256(b"TransferWithAuthorization" + _FIELDS)
_RECEPTION_TYPE = keccak256(b"ReceiveWithAuthorization" + _FIELDS)


def signed_transaction(
    payment: Payment, postage: Postage, *, chain_id: int, token: Token | None, sign: Sign
) -> tuple[str, str]:
    """Hash and raw bytes of a transaction that pays exactly this."""
    return _signed(_call(payment, token), postage, chain_id=chain_id, sign=sign)


def signed_shipment(
    items: Sequence[tuple[Payment, int]], postage: Postage, *, payer: str, drawing: bytes, chain_id: int,
    token: Token | None, sign: Sign,
) -> tuple[str, str]:  # fmt: skip
    """Hash and raw bytes of a transaction that makes these payments, each with the gas that its own part may use."""
    places = [Place(recipient=_bytes_of(one.recipient), units=one.units, gas=gas) for one, gas in items]
    units = sum(one.units for one in places)
    if token is None:
        return _signed((b"", units, pay_coins(places)), postage, chain_id=chain_id, sign=sign)
    contract = contract_of(payer, postage.nonce)
    message = _authorized(_RECEPTION_TYPE, _bytes_of(payer), contract, units, after=0, before=WITHOUT_END,
                          nonce=drawing)  # fmt: skip
    parity, r, s = sign(_typed(token, chain_id, message))
    drawn = Drawn(token=_bytes_of(token.address), before=WITHOUT_END, nonce=drawing, v=27 + parity, r=r, s=s)
    return _signed((b"", 0, pay_tokens(places, drawn)), postage, chain_id=chain_id, sign=sign)


def contract_of(payer: str, nonce: int) -> bytes:
    """The address of what a wallet's transaction makes."""
    return keccak256(rlp([_bytes_of(payer), nonce]))[12:]


def drawing_nonce(grant_ids: Sequence[str]) -> bytes:
    """One set of grants in one order, one drawing."""
    return keccak256(b"chimera.shipment.v1\x00" + ",".join(grant_ids).encode())


def _signed(call: tuple[Rlp, Rlp, Rlp], postage: Postage, *, chain_id: int, sign: Sign) -> tuple[str, str]:
    fields: list[Rlp] = [chain_id, postage.nonce, postage.tip_wei, postage.fee_wei, postage.gas, *call, []]
    parity, r, s = sign(keccak256(b"\x02" + rlp(fields)))
    raw = b"\x02" + rlp([*fields, parity, r, s])
    return "0x" + keccak256(raw).hex(), "0x" + raw.hex()


def _call(payment: Payment, token: Token | None) -> tuple[Rlp, Rlp, Rlp]:
    """To, value and data."""
    if payment.asset == NATIVE:
        return _bytes_of(payment.recipient), payment.units, b""
    assert token is not None, "the rules name the token"
    data = _TRANSFER + _word(_bytes_of(payment.recipient)) + payment.units.to_bytes(32, "big")
    return _bytes_of(token.address), 0, data


def signed_authorization(
    payment: Payment, *, payer: str, nonce: bytes, after: int, before: int, chain_id: int, token: Token, sign: Sign
) -> str:
    """The signature under an authorization to move exactly this."""
    message = _authorized(_AUTHORIZATION_TYPE, _bytes_of(payer), _bytes_of(payment.recipient), payment.units,
                          after=after, before=before, nonce=nonce)  # fmt: skip
    parity, r, s = sign(_typed(token, chain_id, message))
    return "0x" + (r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([27 + parity])).hex()


def _authorized(
    kind: bytes, payer: bytes, recipient: bytes, units: int, *, after: int, before: int, nonce: bytes
) -> bytes:
    numbers = b"".join(one.to_bytes(32, "big") for one in (units, after, before))
    return keccak256(kind + _word(payer) + _word(recipient) + numbers + nonce)


def _typed(token: Token, chain_id: int, message: bytes) -> bytes:
    """EIP-712: what is signed of a message to a token's contract."""
    domain = keccak256(
        _DOMAIN_TYPE + keccak256(token.name.encode()) + keccak256(token.revision.encode())
        + chain_id.to_bytes(32, "big") + _word(_bytes_of(token.address))
    )  # fmt: skip
    return keccak256(b"\x19\x01" + domain + message)


def authorization_nonce(grant_id: str) -> bytes:
    """One grant, one nonce: the token's contract takes it once, whatever we do."""
    return keccak256(b"chimera.x402.v1\x00" + grant_id.encode())


def rlp(item: Rlp) -> bytes:
    """Ethereum's own encoding of nested lists of bytes."""
    if isinstance(item, int):
        return rlp(item.to_bytes((item.bit_length() + 7) // 8, "big"))
    if isinstance(item, bytes):
        return item if len(item) == 1 and item[0] < 0x80 else _head(len(item), 0x80) + item
    body = b"".join(rlp(part) for part in item)
    return _head(len(body), 0xC0) + body


def _head(size: int, kind: int) -> bytes:
    if size < 56:
        return bytes([kind + size])
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([kind + 55 + len(length)]) + length


def _bytes_of(address: str) -> bytes:
    return bytes.fromhex(address[2:])


def _word(value: bytes) -> bytes:
    return value.rjust(32, b"\x00")
