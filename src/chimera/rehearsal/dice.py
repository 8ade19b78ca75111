"""Chance from a seed: small whole-number dice (splitmix64), the same on every machine and version. Knows no clock."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

_MASK = (1 << 64) - 1
_WHOLE_BP = 10_000


class Dice:
    """A stream of draws. The same seed gives the same draws in the same order."""

    __slots__ = ("_state",)

    def __init__(self, seed: int) -> None:
        self._state = seed & _MASK

    @classmethod
    def of(cls, *names: str | int) -> Dice:
        """Dice that belong to these names and to nothing else."""
        digest = hashlib.sha256("\x1f".join(map(str, names)).encode("utf-8", "surrogatepass")).digest()
        return cls(int.from_bytes(digest[:8], "big"))

    def draw(self) -> int:
        """The next 64 bits."""
        self._state = state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        return state ^ (state >> 31)

    def below(self, limit: int) -> int:
        """A whole number from 0 up to, but not including, the limit."""
        return self.draw() % limit

    def between(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + self.draw() % (high - low + 1)

    def chance(self, rate_bp: int) -> bool:
        """Yes, in so many of ten thousand cases."""
        return self.draw() % _WHOLE_BP < rate_bp

    def pick(self, items: Sequence[T]) -> T:
        """One of the items."""
        return items[self.draw() % len(items)]

    def some(self, items: Sequence[T], *, count: int) -> tuple[T, ...]:
        """So many different items, in the order drawn; all of them when there are not enough."""
        left, draw = list(items), self.draw
        return tuple([left.pop(draw() % size) for size in range(len(left), max(len(left) - count, 0), -1)])

    def weighted(self, items: Sequence[tuple[T, int]]) -> T:
        """One of the items, as often as its weight says."""
        rest = self.draw() % sum(weight for _, weight in items)
        for item, weight in items:
            rest -= weight
            if rest < 0:
                return item
        raise AssertionError("the weights sum to more than the draw")

    def gap_us(self, mean_us: int) -> int:
        """A waiting time with the given mean, as between events that do not know of each other. At least 1."""
        return max(1, int(-math.log((self.draw() + 1) / (_MASK + 2)) * mean_us))
