"""What the tests of readers share: the faults of some bytes, and mutations of documents by seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

import pytest

from chimera.domain.faults import Fault, Faults

SIGNS = ("&a ", "*a", "<<: ", "!!str ", "{", "}", "[", "]", ": ", "- ", "? ", "| ", "\t", "'", '"', "#", ",", "~")
ODDITIES = ("\0", "\x07", "\ud800", "\u202e", "é", "\n---\n", "%YAML 1.1\n")
WORDS = ("yes", "1.5", "1e9", "9" * 30, "0x1f", "12:30", "null", "true")
TOKENS = SIGNS + ODDITIES + WORDS


def faults_from(read: Callable[[], object]) -> tuple[Fault, ...]:
    """The faults of a reading that has to fail."""
    with pytest.raises(Faults) as caught:
        read()
    assert str(caught.value)
    assert all(fault.line >= 1 and fault.column >= 1 and fault.reason for fault in caught.value.faults)
    return caught.value.faults


def mutations(originals: list[bytes], *, count: int, seed: int) -> Iterator[bytes]:
    """Documents that were right once: letters, lines and tokens changed, doubled, moved, lost."""
    dice = Random(seed)
    for _ in range(count):
        data = dice.choice(originals)
        for _ in range(dice.randint(1, 4)):
            data = _mutated(data, dice)
        yield data


def _mutated(data: bytes, dice: Random) -> bytes:
    lines = data.split(b"\n")
    at = dice.randrange(len(lines))
    line, token = lines[at], dice.choice(TOKENS).encode("utf-8", "surrogatepass")
    cut = dice.randint(0, len(line))
    lines[at : at + 1] = dice.choice(
        [
            [],
            [line, lines[dice.randrange(len(lines))]],
            [b" " * dice.randint(0, 6) + line.lstrip()],
            [line[:cut]],
            [line[:cut] + token + line[cut:]],
            [line.partition(b":")[0] + b": " + token],
            [line[:cut] + bytes([dice.randrange(256)]) + line[cut + 1 :]],
        ]
    )
    return b"\n".join(lines)
