"""What YouTube's API costs: units of a day, uploads and searches, counted for the app that asks. Sleeps for nobody.

Figures as published in November 2026: 10,000 units, 100 uploads and 100 searches a day for an app, new at midnight in
California. Counted here over any 24 hours, which is never more; and in memory, so that a restart forgets.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from chimera.connectors.social.limits import DAY
from chimera.connectors.social.quotas import Quota, Quotas
from chimera.connectors.social.wire import NotSent, Reply
from chimera.domain.durations import SECOND_US
from chimera.ports.clock import Clock

UNITS_A_DAY = 10_000
UPLOADS_A_DAY = 100
SEARCHES_A_DAY = 100
READ, WRITE, CAPTIONS = 1, 50, 400
API, UPLOAD = "/youtube/v3", "/upload/youtube/v3"
VIDEOS_UPLOAD, CAPTIONS_UPLOAD = f"{UPLOAD}/videos", f"{UPLOAD}/captions"
SEARCH = f"{API}/search"
MIDNIGHT = ZoneInfo("America/Los_Angeles")
# The server's names for "no more today", and for "not so fast".
SPENT = frozenset({"quotaExceeded", "dailyLimitExceeded", "uploadLimitExceeded"})
HASTY = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "uploadRateLimitExceeded"})
_APP = "the app"


class Units:
    """Counts every call before it is made."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._units, self._uploads, self._searches = (
            Quotas((Quota(points=most, seconds=DAY),), clock) for most in (UNITS_A_DAY, UPLOADS_A_DAY, SEARCHES_A_DAY)
        )

    def spend(self, method: str, path: str) -> None:
        """Count one call; `NotSent` if there is no room for it today."""
        counted, cost = self._cost(method, path)
        refused = counted.take(_APP, cost) if cost else None
        if refused:
            raise NotSent(f"YouTube's units for today are used: {refused.message}")

    def seconds_left(self) -> float:
        """Until midnight where YouTube counts its days."""
        now = datetime.fromtimestamp(self._clock.now_us() / SECOND_US, UTC).astimezone(MIDNIGHT)
        return (datetime.combine(now.date() + timedelta(days=1), time(0), MIDNIGHT) - now).total_seconds()

    def _cost(self, method: str, path: str) -> tuple[Quotas, int]:
        if path == VIDEOS_UPLOAD:
            # What is handed over to an upload that was begun costs nothing more.
            return self._uploads, 1 if method == "POST" else 0
        if path == SEARCH:
            return self._searches, 1
        if path == CAPTIONS_UPLOAD:
            return self._units, CAPTIONS if method == "POST" else 0
        return self._units, READ if method == "GET" else WRITE


class _Fault(Struct):
    reason: str = ""


class _Error(Struct):
    errors: tuple[_Fault, ...] = ()


class _Told(Struct):
    error: _Error


def reasons_of(reply: Reply) -> frozenset[str]:
    """The server's own names for a failure; none where it is not told in Google's form."""
    try:
        return frozenset(one.reason for one in msgspec.convert(reply.body, _Told).error.errors)
    except msgspec.ValidationError:
        return frozenset()
