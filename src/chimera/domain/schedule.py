"""When an agent works, and how much at most: hours of the clock on a wall in a zone. Pure."""

from __future__ import annotations

from datetime import datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from msgspec import Struct

from chimera.domain.durations import SECOND_US

_LAST_MINUTE = 24 * 60 - 1
_DAYS = 8  # This day's opening may be over, and that of the same day a week later is the next.


class OpenHours(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """On which days of the week (Monday is 0), from and until which minute of the day."""

    days: tuple[int, ...]
    opens_minute: int
    closes_minute: int

    def holds(self, local: datetime) -> bool:
        """Whether a clock that shows this is within. Who closes at 23:59 closes at midnight."""
        minute = local.hour * 60 + local.minute
        ends = minute < self.closes_minute or self.closes_minute == _LAST_MINUTE
        return local.weekday() in self.days and self.opens_minute <= minute and ends

    def opening(self, day: datetime) -> datetime | None:
        """When it opens on a day, if it does."""
        if day.weekday() not in self.days:
            return None
        return datetime.combine(day.date(), time(*divmod(self.opens_minute, 60)), day.tzinfo)


class Schedule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Without hours it is always open; without a zone the fleet's clock counts; without a limit there is none."""

    zone: str = ""
    hours: tuple[OpenHours, ...] = ()
    posts_per_day_max: int | None = None

    def zone_or(self, fleet: tzinfo) -> tzinfo:
        """Whose clocks it follows."""
        return ZoneInfo(self.zone) if self.zone else fleet

    def opens_at(self, at_us: int, *, fleet: tzinfo) -> int:
        """The first moment, from this one on, at which something may begin (microseconds since 1970)."""
        if not self.hours:
            return at_us
        local = datetime.fromtimestamp(at_us // SECOND_US, self.zone_or(fleet))
        if any(one.holds(local) for one in self.hours):
            return at_us
        openings = (one.opening(local + timedelta(days=days)) for days in range(_DAYS) for one in self.hours)
        later = [round(opening.timestamp()) * SECOND_US for opening in openings if opening is not None]
        return min(moment_us for moment_us in later if moment_us > at_us)


ALWAYS = Schedule()
