"""How often: a bucket per somebody, refilled steadily. In memory: losing it lets a burst through, and nothing else."""

from __future__ import annotations

from msgspec import Struct

from chimera.domain.errors import Unavailable
from chimera.ports.clock import Clock

BUCKETS_MAX = 20_000


class Pace(Struct, frozen=True, kw_only=True):
    """So many at once, and so many more per second."""

    burst: int
    per_second: float


READING = Pace(burst=400, per_second=100.0)
WRITING = Pace(burst=100, per_second=20.0)
KNOCKING = Pace(burst=10, per_second=0.2)


class _Bucket(Struct):
    tokens: float
    at_us: int


class Limits:
    """Counts requests by a key of whoever asks."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}

    def take(self, key: str, pace: Pace) -> None:
        """One more, or `Unavailable("rate_limited")`."""
        now_us = self._clock.now_us()
        bucket = self._buckets.get(key)
        if bucket is None:
            self._make_room()
            bucket = self._buckets[key] = _Bucket(float(pace.burst), now_us)
        refilled = max(0, now_us - bucket.at_us) / 1_000_000 * pace.per_second
        bucket.tokens, bucket.at_us = min(float(pace.burst), bucket.tokens + refilled), now_us
        if bucket.tokens < 1:
            raise Unavailable("rate_limited", "too many requests", where="request", remedy="wait a few seconds")
        bucket.tokens -= 1

    def _make_room(self) -> None:
        # The oldest half goes: whoever is still there begins with a full bucket, which is little.
        if len(self._buckets) >= BUCKETS_MAX:
            kept = sorted(self._buckets.items(), key=lambda pair: pair[1].at_us)[BUCKETS_MAX // 2 :]
            self._buckets = dict(kept)
