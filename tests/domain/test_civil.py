"""Wall clocks twice a year: a time that does not exist is refused, one that comes twice is asked about."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera.domain.civil import moment_of
from chimera.domain.durations import HOUR_US
from chimera.domain.errors import Invalid

VIENNA = ZoneInfo("Europe/Vienna")


def test_the_hour_that_is_skipped_is_refused_with_the_next_time():
    with pytest.raises(Invalid) as refused:
        moment_of("2026-03-29T02:30", VIENNA)
    assert (refused.value.code, refused.value.remedy) == ("time_skipped", "take 2026-03-29T03:30")


def test_the_hour_that_comes_twice_is_asked_about():
    with pytest.raises(Invalid) as refused:
        moment_of("2026-10-25T02:30", VIENNA)
    assert refused.value.code == "time_ambiguous"
    first, second = (moment_of("2026-10-25T02:30", VIENNA, which=which) for which in ("first", "second"))
    assert second - first == HOUR_US


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-02-30T08:00", "2026-11-21T08:00Z", "0001-01-01", "2" * 99])
def test_what_is_no_time_of_a_wall_clock_is_refused(text: str):
    with pytest.raises(Invalid) as refused:
        moment_of(text, VIENNA)
    assert refused.value.code == "time_malformed"


@given(st.integers(min_value=400 * 86_400, max_value=130 * 365 * 86_400))
def test_a_moment_is_found_again_by_what_the_clock_shows(seconds: int):
    shown = datetime.fromtimestamp(seconds, VIENNA)
    which = "second" if shown.fold else "first"
    found = moment_of(shown.replace(tzinfo=None).isoformat(), VIENNA, which=which)
    assert found == seconds * 1_000_000
