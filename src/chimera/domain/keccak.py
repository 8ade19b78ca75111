"""Keccak-256, as Ethereum needs it: the standard library has only its younger sister SHA3-256. Pure, and slow."""

from __future__ import annotations

_RATE = 136
_LANES = 25
_MASK = (1 << 64) - 1
_ROUNDS = (
    0x0000000000000001, 0x0000000000008082, 0x800000000000808A, 0x8000000080008000, 0x000000000000808B,
    0x0000000080000001, 0x8000000080008081, 0x8000000000008009, 0x000000000000008A, 0x0000000000000088,
    0x0000000080008009, 0x000000008000000A, 0x000000008000808B, 0x800000000000008B, 0x8000000000008089,
    0x8000000000008003, 0x8000000000008002, 0x8000000000000080, 0x000000000000800A, 0x800000008000000A,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
)  # fmt: skip


def keccak256(data: bytes) -> bytes:
    """The digest."""
    padded = bytearray(data)
    padded += b"\x01" + b"\x00" * (_RATE - 1 - len(data) % _RATE)
    padded[-1] |= 0x80
    state = [0] * _LANES
    for start in range(0, len(padded), _RATE):
        for lane in range(_RATE // 8):
            state[lane] ^= int.from_bytes(padded[start + lane * 8 : start + lane * 8 + 8], "little")
        _permute(state)
    return b"".join(lane.to_bytes(8, "little") for lane in state[:4])


def _permute(state: list[int]) -> None:
    for constant in _ROUNDS:
        columns = [state[x] ^ state[x + 5] ^ state[x + 10] ^ state[x + 15] ^ state[x + 20] for x in range(5)]
        for x in range(5):
            mixed = columns[x - 1] ^ _turned(columns[(x + 1) % 5], 1)
            for y in range(0, _LANES, 5):
                state[x + y] ^= mixed
        _shuffle(state)
        for y in range(0, _LANES, 5):
            row = state[y : y + 5]
            for x in range(5):
                state[x + y] = row[x] ^ (~row[(x + 1) % 5] & _MASK & row[(x + 2) % 5])
        state[0] ^= constant


def _shuffle(state: list[int]) -> None:
    x, y, lane = 1, 0, state[1]
    for step in range(24):
        x, y = y, (2 * x + 3 * y) % 5
        lane, state[x + 5 * y] = state[x + 5 * y], _turned(lane, (step + 1) * (step + 2) // 2 % 64)


def _turned(lane: int, by: int) -> int:
    return (lane << by | lane >> (64 - by)) & _MASK
