"""When an agent works: by the clock on a wall of its own zone or of the fleet's, also where clocks are changed."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera.domain.manifest import Manifest, to_agent
from chimera.domain.schedule import ALWAYS, OpenHours, Schedule
from tests.domain.test_manifest import PLAIN

pytestmark = pytest.mark.requirement("R-C1")
BERLIN = ZoneInfo("Europe/Berlin")
WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday")


def scheduled(**part: object) -> Schedule:
    manifest = msgspec.convert({**PLAIN, "schedule": part}, Manifest)
    return to_agent(manifest, identifier="id", digest="d").schedule


def us(local: str, zone: ZoneInfo = BERLIN) -> int:
    return round(datetime.fromisoformat(local).replace(tzinfo=zone).timestamp()) * 1_000_000


OFFICE = scheduled(timezone="Europe/Berlin", hours=[{"days": WEEK, "opens": "08:00", "closes": "20:00"}])


@pytest.mark.parametrize(
    ("local", "opens"),
    [
        ("2026-11-20T08:00:00", "2026-11-20T08:00:00"),  # a Friday
        ("2026-11-20T19:59:59", "2026-11-20T19:59:59"),
        ("2026-11-20T07:59:59", "2026-11-20T08:00:00"),
        ("2026-11-20T20:00:00", "2026-11-23T08:00:00"),
        ("2026-11-21T12:00:00", "2026-11-23T08:00:00"),
        ("2026-10-24T12:00:00", "2026-10-26T08:00:00"),  # the clocks are put back in between
        ("2026-03-28T12:00:00", "2026-03-30T08:00:00"),  # and forward
    ],
)
def test_when_it_opens(local: str, opens: str) -> None:
    assert OFFICE.opens_at(us(local), fleet=UTC) == us(opens)


def test_without_a_zone_the_fleets_clock_counts() -> None:
    hours = scheduled(hours=[{"days": WEEK, "opens": "09:00", "closes": "10:00"}])
    at_us = us("2026-11-20T08:30:00", BERLIN)
    assert hours.opens_at(at_us, fleet=BERLIN) == us("2026-11-20T09:00:00")
    assert hours.opens_at(at_us, fleet=ZoneInfo("Europe/Athens")) == at_us


def test_a_night_is_two_entries_without_a_gap() -> None:
    night = scheduled(hours=[{"days": ["friday"], "opens": "22:00", "closes": "23:59"},
                             {"days": ["saturday"], "opens": "00:00", "closes": "02:00"}])  # fmt: skip
    for open_at in ("2026-11-20T23:59:30", "2026-11-21T00:00:00"):
        assert night.opens_at(us(open_at), fleet=BERLIN) == us(open_at)
    assert night.opens_at(us("2026-11-21T02:00:00"), fleet=BERLIN) == us("2026-11-27T22:00:00")


def test_a_manifest_without_hours_is_always_open_and_has_its_limit() -> None:
    assert scheduled().opens_at(7, fleet=UTC) == 7
    assert (scheduled().posts_per_day_max, scheduled(posts_per_day_max=3).posts_per_day_max) == (20, 3)
    assert ALWAYS.posts_per_day_max is None


@given(
    at_us=st.integers(0, 4_000_000_000_000_000),
    hours=st.lists(
        st.builds(
            lambda days, first, length: OpenHours(
                days=tuple(sorted(days)), opens_minute=first, closes_minute=min(first + length, 1_439)
            ),
            st.sets(st.integers(0, 6), min_size=1), st.integers(0, 1_438), st.integers(1, 1_438),
        ),
        min_size=1, max_size=4,
    ),
)  # fmt: skip
def test_it_opens_within_eight_days_and_is_open_then(at_us: int, hours: list[OpenHours]) -> None:
    schedule = Schedule(zone="UTC", hours=tuple(hours))  # Its clocks skip nothing.
    opens_us = schedule.opens_at(at_us, fleet=UTC)
    assert at_us <= opens_us <= at_us + 8 * 24 * 3_600 * 1_000_000
    assert schedule.opens_at(opens_us, fleet=UTC) == opens_us
