"""Breakers of money: they look at what is spent and halt, by themselves, what is going wrong. Only a person lifts it.

Emergency: spent and overrun beyond 150 % of a day's limit. Velocity: a quarter of the day's limit within five minutes.
The kill switch is `governance.halts`. What they see are numbers that anybody may read: `readings`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from msgspec import Struct

from chimera.domain import scopes
from chimera.domain.budget import Window
from chimera.domain.errors import Conflict
from chimera.domain.halt import Halt
from chimera.governance.halts import Halts
from chimera.governance.treasury import Treasury
from chimera.ports.clock import Clock
from chimera.ports.store import Reads

EMERGENCY_BP = 15_000
VELOCITY_BP = 2_500
VELOCITY_US = 5 * 60 * 1_000_000
VELOCITY_MICROS_MIN = 5_000_000
BREAKER = "spending"


class Reading(Struct, frozen=True, kw_only=True):
    """What a breaker sees of one scope: shares of the day's limit in basis points."""

    scope: str
    limit_micros: int
    spent_bp: int
    recent_bp: int
    tripped: str = ""


class BreakerReadings:
    """Looks, and remembers a few minutes. Cannot halt."""

    def __init__(self, *, reads: Reads, treasury: Treasury, clock: Clock) -> None:
        self._reads = reads
        self._treasury = treasury
        self._clock = clock
        self._seen: dict[str, deque[tuple[int, int]]] = {}

    async def readings(self) -> tuple[Reading, ...]:
        """The numbers, one for the fleet and for each agent that spends today."""
        now_us = self._clock.now_us()
        today = self._treasury.windows_for(agent_id="", campaign_id="", at_us=now_us)[0].rpartition("|")[2]
        return tuple(self._read(window, now_us) for window in _days(await self._reads.windows(), today))

    def _read(self, window: Window, now_us: int) -> Reading:
        gone = window.spent_micros + window.overrun_micros
        recent = self._recent(window.id, gone + window.held_micros, now_us)
        cap = max(1, window.cap_micros)
        spent_bp, recent_bp = gone * 10_000 // cap, recent * 10_000 // cap
        tripped = ""
        if spent_bp > EMERGENCY_BP:
            tripped = f"emergency: {spent_bp / 100:.0f} % of the day's limit is spent"
        elif recent_bp > VELOCITY_BP and recent >= VELOCITY_MICROS_MIN and window.id.startswith(scopes.FLEET):
            tripped = f"velocity: {recent_bp / 100:.0f} % of the day's limit within five minutes"
        return Reading(scope=window.id.partition("|")[0], limit_micros=window.cap_micros, spent_bp=spent_bp,
                       recent_bp=recent_bp, tripped=tripped)  # fmt: skip

    def _recent(self, key: str, micros: int, now_us: int) -> int:
        seen = self._seen.setdefault(key, deque())
        seen.append((now_us, micros))
        while seen and seen[0][0] < now_us - VELOCITY_US:
            seen.popleft()
        return micros - min(value for _, value in seen)


class SpendingBreakers:
    """Halts by itself what is beyond."""

    def __init__(self, *, readings: BreakerReadings, reads: Reads, halts: Halts) -> None:
        self._readings = readings
        self._reads = reads
        self._halts = halts

    async def once(self) -> tuple[Halt, ...]:
        """Look at every day's window that is open, and halt each scope that is beyond. The halts made now."""
        halted = await self._reads.halted()
        made: list[Halt] = []
        for reading in await self._readings.readings():
            if reading.tripped and reading.scope not in halted:
                try:
                    made.append(await self._halts.trip(reading.scope, breaker=BREAKER, reason=reading.tripped))
                except Conflict:
                    continue  # Somebody halted it at the same moment: that is what was wanted.
        return tuple(made)


def _days(windows: Sequence[Window], today: str) -> tuple[Window, ...]:
    return tuple(
        window for window in windows
        if window.id.endswith(f"|day|{today}") and window.id.startswith((scopes.FLEET, "agent:"))
    )  # fmt: skip
