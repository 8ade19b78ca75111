"""The code of a transaction that makes several payments: it runs once, while a contract is made that is left empty.

Built from granted payments alone. Nothing calls back into it, since its address has no code; what somebody refuses
goes back to the wallet, and its only log says place by place who was paid. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from chimera.domain.keccak import keccak256

_STOP, _EQ, _ISZERO, _AND, _OR, _SHL = b"\x00", b"\x14", b"\x15", b"\x16", b"\x17", b"\x1b"
_ADDRESS, _CALLER, _RETURNED, _OWN = b"\x30", b"\x33", b"\x3d", b"\x47"
_POP, _MLOAD, _MSTORE, _JUMPI, _GAS, _JUMPDEST = b"\x50", b"\x51", b"\x52", b"\x57", b"\x5a", b"\x5b"
_PUSH0, _DUP1, _SWAP1, _LOG0 = b"\x5f", b"\x80", b"\x90", b"\xa0"
_CALL, _STATICCALL, _REVERT = b"\xf1", b"\xfa", b"\xfd"
_TRANSFER = keccak256(b"transfer(address,uint256)")[:4]
_BALANCE = keccak256(b"balanceOf(address)")[:4]
_RECEIVE = keccak256(
    b"receiveWithAuthorization(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32)"
)[:4]
# Where a call's arguments begin in memory, behind the four bytes that name it; where its answer is put.
_FIRST, _SECOND, _ANSWER = 0x04, 0x24, 0x60
_ARGUMENTS = tuple(0x04 + 32 * number for number in range(9))
_JUMP_BYTES, _FAILING_BYTES = 4, 7


class Place(Struct, frozen=True, kw_only=True):
    """One payment in it: whom, how many units, and how much gas its recipient or token may use."""

    recipient: bytes
    units: int
    gas: int


class Drawn(Struct, frozen=True, kw_only=True):
    """The wallet's word (EIP-3009) by which the tokens for all places come in, good for this contract alone."""

    token: bytes
    before: int
    nonce: bytes
    v: int
    r: int
    s: int


def pay_coins(places: Sequence[Place]) -> bytes:
    """Code that is given the sum, pays each, and gives back what was refused."""
    paid = b"".join(_tried(_PUSH0 * 4 + _push(one.units) + _push(one.recipient) + _push(one.gas) + _CALL)
                    for one in places)  # fmt: skip
    back = _PUSH0 * 4 + _OWN + _CALLER + _GAS + _CALL
    return _PUSH0 + paid + back + _failing(1 + len(paid) + len(back)) + _said()


def pay_tokens(places: Sequence[Place], drawn: Drawn) -> bytes:
    """Code that draws the sum by the wallet's word, pays each, and gives back what was refused."""
    before = (
        _push(drawn.token) + _PUSH0 + _draw(drawn, sum(one.units for one in places)) + _named(_TRANSFER)
        + b"".join(_tried(_give(one)) for one in places)
    )  # fmt: skip
    # Where everyone was paid nothing is left to be given back.
    everyone = _DUP1 + _push((1 << len(places)) - 1) + _EQ
    at, back = len(before) + len(everyone) + _JUMP_BYTES, _give_back()
    return before + everyone + _jump(at + len(back) + _FAILING_BYTES) + back + _failing(at + len(back)) + _said()


def _tried(attempt: bytes) -> bytes:
    """A place's bit behind those before it."""
    return attempt + _SWAP1 + _push(1) + _SHL + _OR


def _give(one: Place) -> bytes:
    return _put(_FIRST, _push(one.recipient)) + _put(_SECOND, _push(one.units)) + _moved(_push(one.gas))


def _draw(drawn: Drawn, units: int) -> bytes:
    """Whether it went well is seen place by place: without tokens nobody is paid."""
    words = (_CALLER, _ADDRESS, _push(units), _PUSH0, _push(drawn.before), _push(drawn.nonce), _push(drawn.v),
             _push(drawn.r), _push(drawn.s))  # fmt: skip
    told = b"".join(_put(at, word) for at, word in zip(_ARGUMENTS, words, strict=True))
    size = _ARGUMENTS[-1] + 32
    return _named(_RECEIVE) + told + _PUSH0 * 2 + _push(size) + _PUSH0 * 2 + _dup(7) + _GAS + _CALL + _POP


def _give_back() -> bytes:
    """All that is left, to the wallet; whether it went well is on the stack."""
    asked = _push(32) + _push(_ANSWER) + _push(0x24) + _PUSH0 + _dup(6) + _GAS + _STATICCALL + _POP
    return (
        _named(_BALANCE) + _put(_FIRST, _ADDRESS) + asked
        + _named(_TRANSFER) + _put(_FIRST, _CALLER) + _put(_SECOND, _push(_ANSWER) + _MLOAD) + _moved(_GAS)
    )  # fmt: skip


def _moved(gas: bytes) -> bytes:
    """Calls the token with what lies in memory; it went well when it answered nothing, or yes."""
    return (
        _put(_ANSWER, _PUSH0) + _push(32) + _push(_ANSWER) + _push(0x44) + _PUSH0 * 2 + _dup(7) + gas + _CALL
        + _RETURNED + _ISZERO + _push(_ANSWER) + _MLOAD + _push(1) + _EQ + _OR + _AND
    )  # fmt: skip


def _failing(at: int) -> bytes:
    """What cannot be given back undoes everything: nothing may stay behind. Ends where everyone else goes on."""
    return _jump(at + _FAILING_BYTES) + _PUSH0 * 2 + _REVERT + _JUMPDEST


def _jump(target: int) -> bytes:
    return b"\x61" + target.to_bytes(2, "big") + _JUMPI


def _said() -> bytes:
    """The bits as the only log, and no code is left."""
    return _PUSH0 + _MSTORE + _push(32) + _PUSH0 + _LOG0 + _STOP


def _named(selector: bytes) -> bytes:
    return _push(selector) + _push(0xE0) + _SHL + _PUSH0 + _MSTORE


def _put(at: int, value: bytes) -> bytes:
    return value + _push(at) + _MSTORE


def _push(value: int | bytes) -> bytes:
    content = value.to_bytes((value.bit_length() + 7) // 8, "big") if isinstance(value, int) else value
    return bytes([0x5F + len(content)]) + content


def _dup(depth: int) -> bytes:
    return bytes([0x7F + depth])
