"""A mapping that does not grow for ever. Says nothing about what it holds, and forgets by order alone, not by time."""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(OrderedDict[K, V]):
    """Of so many the newest: what is set is the newest, also when it was there before, and the oldest goes.

    Reading makes nothing newer. Whoever wants to keep what is read often says `move_to_end` where it is read.
    """

    # An OrderedDict, because a plain one looks past all that was removed before to find its first: slowly, when large.
    def __init__(self, entries_max: int) -> None:
        assert entries_max > 0, "something is remembered"
        super().__init__()
        self.entries_max = entries_max

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        if len(self) > self.entries_max:
            self.popitem(last=False)
