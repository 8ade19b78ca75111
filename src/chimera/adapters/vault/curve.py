"""Signatures on secp256k1 as Ethereum wants them: low s, and the parity by which anybody finds the signer.

Secrets never come here: the signing itself is done by `cryptography` or by a cloud's key service.
"""

from __future__ import annotations

from typing import TypeAlias

from chimera.domain.address import checksummed
from chimera.domain.keccak import keccak256

PRIME = 2**256 - 2**32 - 977
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
Point: TypeAlias = tuple[int, int]
_Triple: TypeAlias = tuple[int, int, int]
_G: Point = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)
_NOTHING: _Triple = (0, 1, 0)


def address_of(public: Point) -> str:
    """The address of a public key."""
    return checksummed(keccak256(public[0].to_bytes(32, "big") + public[1].to_bytes(32, "big"))[-20:].hex())


def finished(digest: bytes, r: int, s: int, *, public: Point) -> tuple[int, int, int]:
    """Parity, r and s of a signature in its one accepted form, checked against the public key."""
    s = min(s, ORDER - s)
    for parity in (0, 1):
        if recovered(digest, parity, r, s) == public:
            return parity, r, s
    raise ArithmeticError("the signature is not of this key")


def recovered(digest: bytes, parity: int, r: int, s: int) -> Point:
    """The public key that made a signature."""
    y = pow(r**3 + 7, (PRIME + 1) // 4, PRIME)
    if y & 1 != parity:
        y = PRIME - y
    inverse = pow(r, -1, ORDER)
    e = int.from_bytes(digest, "big")
    total = _add(_times(s * inverse % ORDER, (r, y)), _times(-e * inverse % ORDER, _G))
    return _plain(total)


def _plain(point: _Triple) -> Point:
    x, y, z = point
    if not z:
        return 0, 0
    inverse = pow(z, -1, PRIME)
    return x * inverse**2 % PRIME, y * inverse**3 % PRIME


def _times(factor: int, point: Point) -> _Triple:
    total, power = _NOTHING, (point[0], point[1], 1)
    while factor:
        if factor & 1:
            total = _add(total, power)
        power = _doubled(power)
        factor >>= 1
    return total


def _doubled(point: _Triple) -> _Triple:
    x, y, z = point
    if not y or not z:
        return _NOTHING
    square = y * y % PRIME
    across = 4 * x * square % PRIME
    slope = 3 * x * x % PRIME
    new_x = (slope * slope - 2 * across) % PRIME
    return new_x, (slope * (across - new_x) - 8 * square * square) % PRIME, 2 * y * z % PRIME


def _add(one: _Triple, other: _Triple) -> _Triple:
    if not one[2]:
        return other
    if not other[2]:
        return one
    square_one, square_other = one[2] ** 2 % PRIME, other[2] ** 2 % PRIME
    x_one, x_other = one[0] * square_other % PRIME, other[0] * square_one % PRIME
    y_one, y_other = one[1] * square_other * other[2] % PRIME, other[1] * square_one * one[2] % PRIME
    if x_one == x_other:
        return _doubled(one) if y_one == y_other else _NOTHING
    run, rise = (x_other - x_one) % PRIME, (y_other - y_one) % PRIME
    square, cube = run * run % PRIME, run**3 % PRIME
    base = x_one * square % PRIME
    new_x = (rise * rise - cube - 2 * base) % PRIME
    return new_x, (rise * (base - new_x) - y_one * cube) % PRIME, run * one[2] * other[2] % PRIME
