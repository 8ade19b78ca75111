"""When a server is left alone, and how often one may call it. Counts; knows no server."""

from __future__ import annotations

REST_FACTOR_MAX = 32


class Breaker:
    """Opens after so many failures in a row; then one call tries it, and the rest grows if that fails too."""

    def __init__(self, *, failures_max: int, rest_seconds: float) -> None:
        self._failures_max = failures_max
        self._rest_us = int(rest_seconds * 1_000_000)
        self._failures = 0
        self._factor = 1
        self._until_us = 0

    def resting(self, now_us: int) -> bool:
        """Whether it is to be left alone now."""
        return now_us < self._until_us

    def worked(self) -> None:
        """It answered."""
        self._failures, self._factor, self._until_us = 0, 1, 0

    def failed(self, now_us: int, *, hard: bool) -> bool:
        """It did not; whether it rests from now on. `hard` is a failure that leaves nothing to try."""
        self._failures += 1
        if not hard and self._failures < self._failures_max:
            return False
        self._until_us = now_us + self._rest_us * self._factor
        self._factor = min(REST_FACTOR_MAX, self._factor * 2)
        return True


class Bucket:
    """So many a second, and as many at once."""

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        self._full = max(1.0, per_second)
        self._left = self._full
        self._at_us = 0

    def take(self, now_us: int) -> bool:
        """Whether one more may go now."""
        passed = max(0, now_us - self._at_us) / 1_000_000 if self._at_us else 0.0
        self._left = min(self._full, self._left + passed * self.per_second)
        self._at_us = now_us
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
