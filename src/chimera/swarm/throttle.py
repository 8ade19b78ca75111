"""Back-pressure: how many assignments may be out while models say that it is too much. Asks nobody; only counts.

What a result tells of its tries is all that it goes by, so that it knows of limits wherever the worker was.
"""

from __future__ import annotations

from chimera.domain.work import Result
from chimera.governance.calls import TRY
from chimera.ports.clock import Clock
from chimera.swarm.loops import log

# One crowd that is turned away is one sign: half of it is let out again, and not half for each of them.
STEP_US = 1_000_000
# After so long without a sign, everything is as it was.
LIFTED_US = 60_000_000
_SIGNS = ('"cause":"rate-limited"', '"cause":"resting"')


class Throttle:
    """Halves what is out when a model turned somebody away, and lets one more out for every round that went well."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._most: int | None = None
        self._widest = 0
        self._went_well = 0
        self._told_us = 0

    @property
    def holds_back(self) -> bool:
        """Whether fewer may be out than workers have room for."""
        return self._most is not None

    def room(self, free: int) -> int:
        """How many of the free places may be taken now."""
        self._widest = max(self._widest, free)
        if self._most is None:
            return free
        if self._clock.now_us() - self._told_us >= LIFTED_US:
            self._most, self._widest = None, free
            return free
        return max(0, min(free, self._most - (self._widest - free)))

    def heard(self, result: Result, *, free: int) -> None:
        """A result came back, with what its models said."""
        if any(call.kind == TRY and any(sign in call.answer for sign in _SIGNS) for call in result.calls):
            self._turned_away(free)
        elif self._most is not None:
            self._went_well += 1
            if self._went_well >= self._most:
                self._most, self._went_well = self._most + 1, 0

    def _turned_away(self, free: int) -> None:
        now_us, out = self._clock.now_us(), 1 + self._widest - min(free, self._widest)
        if self._most is None or now_us - self._told_us >= STEP_US:
            self._most, self._went_well = max(1, min(out, self._most or out) // 2), 0
            self._told_us = now_us
            log.warning("models turn away", assignments_at_once=self._most)
