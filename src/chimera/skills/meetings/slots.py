"""When several people are free together: in their civil hours, whatever clocks do meanwhile. Pure; invites nobody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from chimera.domain.durations import SECOND_US

STEP_MINUTES = 15
DAYS_MAX = 60


class Span(Struct, frozen=True, kw_only=True):
    """From one moment to another, in microseconds since 1970: moments have no time zone and no summer time."""

    from_us: int
    to_us: int

    def meets(self, other: Span) -> bool:
        """Whether they have a moment in common."""
        return self.from_us < other.to_us and other.from_us < self.to_us


class Wish(Struct, frozen=True, kw_only=True):
    """What is looked for: how long, from which day on, and the hours of the clock on the wall between which it lies."""

    minutes: int
    first_day: date
    days: int
    zone: str
    opens: time = time(9)
    closes: time = time(17)


def first_free(wish: Wish, busy: Iterable[Span]) -> Span | None:
    """The earliest span in which nobody is busy; None where there is none."""
    taken = sorted(busy, key=lambda one: one.from_us)
    return next((one for one in _candidates(wish) if not any(one.meets(other) for other in taken)), None)


def _candidates(wish: Wish) -> Iterator[Span]:
    zone = ZoneInfo(wish.zone)
    for number in range(min(wish.days, DAYS_MAX)):
        day = wish.first_day + timedelta(days=number)
        if day.weekday() < 5:
            yield from _of_day(day, zone, wish)


def _of_day(day: date, zone: ZoneInfo, wish: Wish) -> Iterator[Span]:
    """Every quarter of an hour of one day. A day has as many as its clock shows: 23 or 25 hours twice a year."""
    at, closes = _moment(day, wish.opens, zone), _moment(day, wish.closes, zone)
    while at + wish.minutes * 60 * SECOND_US <= closes:
        yield Span(from_us=at, to_us=at + wish.minutes * 60 * SECOND_US)
        at += STEP_MINUTES * 60 * SECOND_US


def _moment(day: date, wall: time, zone: ZoneInfo) -> int:
    return int(datetime.combine(day, wall, zone).astimezone(UTC).timestamp()) * SECOND_US


def spans_of(rows: Sequence[dict[str, int]]) -> tuple[Span, ...]:
    """Spans as a tool tells them."""
    return tuple(Span(from_us=int(row["from_us"]), to_us=int(row["to_us"])) for row in rows)
