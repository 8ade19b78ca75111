"""What the tests of readers share: the faults of some bytes, and mutations of documents by seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

import pytest

from chimera.domain.faults import Fault, Faults

TOKENS = ("&a ", "*a", "<<: ", "!!str ", "{", "}", "[", "]", ": ", "- ", "? ", "| ", "\t", "\0", "\x07", "\n---\n", "%YAML 1.1\n",
          "'", '"', "#", ",", "~", "yes", "1.5", "1e9", "9" * 30, "0x1f", "12:30", "\ud800", "\u202e", "null", "true", "é")


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
    match dice.randrange(7):
        case 0:
            del lines[at]
        case 1:
            lines.insert(at, lines[dice.randrange(len(lines))])
        case 2:
            lines[at] = b" " * dice.randint(0, 6) + lines[at].lstrip()
        case 3:
            lines[at] = lines[at][: dice.randint(0, len(lines[at]))]
        case 4:
            cut, token = dice.randint(0, len(lines[at])), dice.choice(TOKENS).encode("utf-8", "surrogatepass")
            lines[at] = lines[at][:cut] + token + lines[at][cut:]
        case 5:
            name, _, _ = lines[at].partition(b":")
            lines[at] = name + b": " + dice.choice(TOKENS).encode("utf-8", "surrogatepass")
        case _:
            changed = bytearray(b"\n".join(lines))
            for _ in range(dice.randint(1, 3)):
                if changed:
                    changed[dice.randrange(len(changed))] = dice.randrange(256)
            return bytes(changed)
    return b"\n".join(lines)
