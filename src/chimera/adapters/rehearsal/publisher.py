"""Publishes on the simulated network with no wire in between: for virtual time, and to measure what the wire costs."""

from __future__ import annotations

from typing import Any

from chimera.ports.clock import Clock
from chimera.ports.publisher import Absent, Order, Outcome, Published, Rejected, Trace, Traits, Unknown
from chimera.rehearsal.line import Line, Silence
from chimera.rehearsal.network import SECOND_US, Accepted, Act, Declined

CALL_SECONDS_MAX = 30.0


class RehearsalPublisher:
    """The network's own calls, one for one. The order's deadline holds."""

    def __init__(self, line: Line, clock: Clock) -> None:
        self._line = line
        self._clock = clock

    def traits(self, platform: str) -> Traits:
        """The same for all of the sandbox's platforms."""
        rules = self._line.rules
        return Traits(deduplicates=rules.deduplicates, looks_up=rules.looks_up, settling_seconds=rules.settling_seconds)

    async def publish(self, order: Order) -> Outcome:
        """Perform it once, before its deadline."""
        left = self._seconds_left(order)
        if left <= 0:
            return Rejected("deadline_passed", later=True)
        try:
            async with self._clock.timeout(left):
                answer = await self._line.act(act_of(order))
        except TimeoutError:
            return Unknown("deadline_passed")
        match answer:
            case Accepted(receipt):
                return Published(receipt)
            case Declined(code, _, later):
                return Rejected(code, later=later)
            case Silence(reason):
                return Unknown(reason)

    async def look_up(self, order: Order) -> Trace:
        """Ask whether it happened."""
        match await self._line.find(order.action.account, order.grant_id):
            case Accepted(receipt):
                return Published(receipt)
            case Declined(code):
                return Unknown(code)
            case None:
                return Absent()

    def _seconds_left(self, order: Order) -> float:
        return min(CALL_SECONDS_MAX, (order.deadline_us - self._clock.now_us()) / SECOND_US)


def act_of(order: Order) -> Act:
    """The order as the network wants it: the grant's id is the key."""
    action = order.action
    arguments: dict[str, Any] = dict(action.arguments)
    if action.kind == "payment.send":
        # What was granted is what is paid, whatever else the arguments say.
        arguments |= {"recipient": action.recipient, "amount_micros": action.cost_micros}
    return Act(kind=action.kind, platform=action.platform, account=action.account, key=order.grant_id,
               arguments=arguments)
