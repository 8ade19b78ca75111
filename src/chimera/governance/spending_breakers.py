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
        self._seen_of = ""
        self._seen: deque[tuple[int, int]] = deque()

    async def readings(self) -> tuple[Reading, ...]:
        """The numbers, one for the fleet and for each agent that spends today."""
        fleet, now_us = self._today()
        return self._all(await self._reads.windows_of(fleet.span), now_us)

    async def pressing(self) -> tuple[Reading, ...]:
        """Only the fleet's, and those of agents that have spent too much: of ten thousand that is nearly none."""
        fleet, now_us = self._today()
        beyond = await self._reads.windows_of(fleet.span, gone_bp_min=EMERGENCY_BP)
        own = () if any(one.id == fleet.id for one in beyond) else await self._reads.windows((fleet.id,))
        return self._all((*own, *beyond), now_us)

    def _today(self) -> tuple[Window, int]:
        """The fleet's window of today as it was before anything happened, and the time."""
        now_us = self._clock.now_us()
        name = self._treasury.windows_for(agent_id="", campaign_id="", at_us=now_us)[0]
        return Window(id=name, cap_micros=0), now_us

    def _all(self, windows: Sequence[Window], now_us: int) -> tuple[Reading, ...]:
        return tuple(self._read(one, now_us) for one in windows if one.id.startswith((scopes.FLEET, "agent:")))

    def _read(self, window: Window, now_us: int) -> Reading:
        gone = window.gone_micros
        recent = self._recent(window.id, gone + window.held_micros, now_us) if _is_of_fleet(window) else 0
        cap = max(1, window.cap_micros)
        spent_bp, recent_bp = gone * 10_000 // cap, recent * 10_000 // cap
        tripped = ""
        if spent_bp > EMERGENCY_BP:
            tripped = f"emergency: {spent_bp / 100:.0f} % of the day's limit is spent"
        elif recent_bp > VELOCITY_BP and recent >= VELOCITY_MICROS_MIN:
            tripped = f"velocity: {recent_bp / 100:.0f} % of the day's limit within five minutes"
        return Reading(scope=window.id.partition("|")[0], limit_micros=window.cap_micros, spent_bp=spent_bp,
                       recent_bp=recent_bp, tripped=tripped)  # fmt: skip

    def _recent(self, key: str, micros: int, now_us: int) -> int:
        if key != self._seen_of:
            self._seen_of, self._seen = key, deque()
        self._seen.append((now_us, micros))
        while self._seen and self._seen[0][0] < now_us - VELOCITY_US:
            self._seen.popleft()
        return micros - min(value for _, value in self._seen)


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
        for reading in await self._readings.pressing():
            if reading.tripped and reading.scope not in halted:
                try:
                    made.append(await self._halts.trip(reading.scope, breaker=BREAKER, reason=reading.tripped))
                except Conflict:
                    continue  # Somebody halted it at the same moment: that is what was wanted.
        return tuple(made)


def _is_of_fleet(window: Window) -> bool:
    return window.id.startswith(f"{scopes.FLEET}|")
