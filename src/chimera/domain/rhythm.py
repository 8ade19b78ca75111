"""How long a day is where an agent publishes: everywhere a day, in a rehearsal some seconds. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

from msgspec import Struct

from chimera.domain.durations import DAY_US, MINUTE_US, SECOND_US
from chimera.domain.schedule import Schedule
from chimera.domain.variants import DAY_MINUTES


class Rhythm(Struct, frozen=True, kw_only=True):
    """So many days pass on the network in one of ours. Clocks on walls are followed where it is one."""

    tempo: int = 1

    @property
    def day_us(self) -> int:
        """How long a day of the network takes."""
        return DAY_US // self.tempo

    def span_us(self, minutes: int) -> int:
        """How long so many minutes of the network take."""
        return minutes * MINUTE_US // self.tempo

    def next_at(self, minute: int, *, from_us: int, zone: tzinfo) -> int:
        """The first moment, from this one on, at which it is this minute of the day there."""
        if self.tempo > 1:
            now = from_us * self.tempo // MINUTE_US
            return from_us + self.span_us((minute - now) % DAY_MINUTES)
        local = datetime.fromtimestamp(from_us // SECOND_US, zone)
        days = (local.date() + timedelta(days=more) for more in range(3))
        moments = (datetime(day.year, day.month, day.day, *divmod(minute, 60), tzinfo=zone) for day in days)
        return next(at_us for moment in moments if (at_us := round(moment.timestamp()) * SECOND_US) >= from_us)

    def open_at(self, minute: int, *, from_us: int, schedule: Schedule, fleet: tzinfo) -> int | None:
        """The same, if the agent works then."""
        at_us = self.next_at(minute, from_us=from_us, zone=schedule.zone_or(fleet))
        return at_us if schedule.opens_at(at_us, fleet=fleet) == at_us else None


STEADY = Rhythm()
