"""Acts on the calendar for whoever has a key and no grant: the connector for any MCP client. Decides nothing."""

from __future__ import annotations

from chimera.adapters.calendar.caldav import CALENDAR, CalendarPublisher
from chimera.domain.action import Action
from chimera.domain.durations import SECOND_US
from chimera.ports.clock import Clock
from chimera.ports.network import Accepted, Act, Answer, Declined, Silence
from chimera.ports.publisher import Absent, Order, Published, Rejected, Unknown

SECONDS_MAX = 20


class CalendarActs:
    """What a key names stands in the calendar once."""

    def __init__(self, publisher: CalendarPublisher, clock: Clock) -> None:
        self._publisher = publisher
        self._clock = clock

    async def done(self, act: Act) -> Answer:
        """Put it there."""
        match await self._publisher.publish(self._order(act)):
            case Published(receipt):
                return Accepted(receipt)
            case Rejected(reason, later):
                return Declined(reason, "the calendar does not take it", later=later)
            case Unknown(reason):
                return Silence(reason)

    async def found(self, act: Act) -> Accepted | Declined | None:
        """Whether it stands there."""
        match await self._publisher.look_up(self._order(act)):
            case Published(receipt):
                return Accepted(receipt)
            case Absent():
                return None
            case Unknown(reason):
                return Declined("unavailable", reason, later=True)

    def _order(self, act: Act) -> Order:
        action = Action(kind=act.kind, platform=CALENDAR, account=act.account, arguments=act.arguments,
                        category=CALENDAR)  # fmt: skip
        deadline_us = self._clock.now_us() + SECONDS_MAX * SECOND_US
        return Order(grant_id=act.key, action=action, deadline_us=deadline_us)
