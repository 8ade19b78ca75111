"""How long a second, a minute, an hour and a day are, in microseconds. Knows no calendar and no zone."""

from __future__ import annotations

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
