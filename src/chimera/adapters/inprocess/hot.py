"""Hot state in this process's memory. Gone with it, like any."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from chimera.ports.clock import Clock
from chimera.ports.hot import Pulse

LIFETIME_SECONDS = 60.0


class InProcessHotState:
    """Implements `ports.hot.HotState`."""

    def __init__(self, clock: Clock, *, lifetime_seconds: float = LIFETIME_SECONDS) -> None:
        self._clock = clock
        self._lifetime_us = round(lifetime_seconds * 1_000_000)
        self._kept: dict[str, tuple[Pulse, int]] = {}
        self._counters: Counter[str] = Counter()
        self._is_whole = False
        self._built_until_us = 0

    async def beat(self, pulses: Sequence[Pulse]) -> None:
        """Into memory."""
        until_us = self._clock.now_us() + self._lifetime_us
        self._kept.update({pulse.agent_id: (pulse, until_us) for pulse in pulses})

    async def look(self, agent_ids: Sequence[str]) -> Mapping[str, Pulse]:
        """Those that live."""
        now_us = self._clock.now_us()
        found = {one: self._kept[one] for one in agent_ids if one in self._kept}
        return {one: pulse for one, (pulse, until_us) in found.items() if until_us > now_us}

    async def count(self, more: Mapping[str, int]) -> None:
        """Add."""
        self._counters.update(more)

    async def counters(self) -> Mapping[str, int]:
        """All of them."""
        return dict(self._counters)

    async def begin(self, counted: Mapping[str, int]) -> None:
        """From here on whole."""
        self._counters, self._is_whole, self._built_until_us = Counter(counted), True, 0

    async def is_whole(self) -> bool:
        """Whether it began."""
        return self._is_whole

    async def may_build(self, *, seconds: float) -> bool:
        """One at a time."""
        now_us = self._clock.now_us()
        if now_us < self._built_until_us:
            return False
        self._built_until_us = now_us + round(seconds * 1_000_000)
        return True

    def forget(self) -> None:
        """As a server does that was emptied."""
        self._kept.clear()
        self._counters.clear()
        self._is_whole, self._built_until_us = False, 0
