"""How long things last, by somebody else's reckoning."""

from __future__ import annotations

from datetime import timedelta

from chimera.domain.durations import DAY_US, HOUR_US, MINUTE_US, SECOND_US

US = timedelta(microseconds=1)


def test_each_is_as_long_as_the_calendar_says() -> None:
    lasting = (timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1))
    assert [one // US for one in lasting] == [SECOND_US, MINUTE_US, HOUR_US, DAY_US]
