"""Publishes on the simulated network with no wire in between: for virtual time, and to measure what the wire costs."""

from __future__ import annotations

from chimera.domain.action import Action
from chimera.domain.durations import SECOND_US
from chimera.ports.clock import Clock
from chimera.ports.network import Accepted, Act, Declined, Silence
from chimera.ports.publisher import Absent, Order, Outcome, Published, Rejected, Trace, Traits, Unknown
from chimera.rehearsal.line import Line

CALL_SECONDS_MAX = 20.0


class RehearsalPublisher:
    """The network's own calls, one for one. The order's deadline holds."""

    def __init__(self, line: Line, clock: Clock) -> None:
        self._line = line
        self._clock = clock

    def traits(self, action: Action) -> Traits:
        """The same for all of the sandbox's platforms."""
        rules = self._line.rules
        return Traits(deduplicates=rules.deduplicates, looks_up=rules.looks_up, settling_seconds=rules.settling_seconds)

    async def publish(self, order: Order) -> Outcome:
        """Perform it once, before its deadline."""
        left = self._seconds(order)
        if left <= 0:
            return Rejected("deadline_passed", later=True)
        if order.action.pays_otherwise:
            return Rejected("payment_differs")
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

    def _seconds(self, order: Order) -> float:
        # Past it nothing is sent, whatever the key protects: by then the act may be proved absent and granted anew.
        return min(CALL_SECONDS_MAX, (order.deadline_us - self._clock.now_us()) / SECOND_US)


def act_of(order: Order) -> Act:
    """The order as the network wants it: the grant's id is the key."""
    action = order.action
    return Act(
        kind=action.kind, platform=action.platform, account=action.account, key=order.grant_id,
        arguments={**action.arguments, **action.payment},
    )  # fmt: skip
