"""The way to the network, with all that goes wrong on it: outages, lost replies, lateness. Never sees the truth."""

from __future__ import annotations

from collections import Counter, deque
from enum import StrEnum

from chimera.domain.durations import SECOND_US
from chimera.ports.clock import Clock
from chimera.ports.network import Accepted, Act, Answer, Declined, Silence
from chimera.rehearsal.dice import Dice
from chimera.rehearsal.network import Network
from chimera.rehearsal.scenario import FaultRates, Rules


class Fault(StrEnum):
    """What can go wrong on the way."""

    NONE = "none"
    UNAVAILABLE = "unavailable"
    RATE_LIMITED = "rate_limited"
    REPLY_LOST = "reply_lost"
    REQUEST_LOST = "request_lost"
    LATE = "late"
    SLOW = "slow"


_DOWN = Declined("unavailable", "the network refuses connections", later=True)
_SLOW_DOWN = Declined("rate_limited", "too many calls", later=True)


class Line:
    """Calls to the network as they go in life. Faults come from the seed, or on demand."""

    def __init__(self, network: Network, clock: Clock) -> None:
        self._network = network
        self._clock = clock
        self._started_us = clock.now_us()
        self._tries: Counter[str] = Counter()
        self._demanded: deque[Fault] = deque()
        self._is_down = False
        self.faults: Counter[Fault] = Counter()

    @property
    def rules(self) -> Rules:
        """What the network permits, and what it can do about doubt."""
        return self._network.scenario.rules

    def demand(self, fault: Fault, *, times: int = 1) -> None:
        """The next acts meet this fault."""
        self._demanded.extend([fault] * times)

    def set_down(self, *, down: bool) -> None:
        """Begin or end an outage by hand."""
        self._is_down = down

    async def act(self, act: Act) -> Answer:
        """Ask the network to do something."""
        fault = self._fault_of(act)
        self.faults[fault] += 1
        match fault:
            case Fault.NONE:
                return self._perform(act)
            case Fault.UNAVAILABLE:
                return _DOWN
            case Fault.RATE_LIMITED:
                return _SLOW_DOWN
            case Fault.SLOW:
                answer = self._perform(act)
                await self._clock.sleep(self._rates.slow_seconds)
                return answer
            case Fault.REPLY_LOST:
                self._perform(act)
                return Silence("the connection broke before the answer came")
            case Fault.REQUEST_LOST:
                return Silence("the connection broke while sending")
            case Fault.LATE:
                due_us = self._clock.now_us() + int(self._rates.late_seconds * SECOND_US)
                self._network.perform_later(act, due_us=due_us)
                return Silence("the network took it and did not answer")

    async def find(self, account: str, key: str) -> Accepted | Declined | None:
        """What the network did under a key, None if nothing; Declined if it cannot be asked."""
        if not self.rules.looks_up:
            return Declined("not_searchable", "this network cannot be searched by key")
        if self._is_out():
            return _DOWN
        return self._network.find_by_key(account, key, now_us=self._clock.now_us())

    def read(self) -> Network | Declined:
        """The network to read from, unless it is down."""
        return _DOWN if self._is_out() else self._network

    @property
    def _rates(self) -> FaultRates:
        return self._network.scenario.faults

    def _perform(self, act: Act) -> Accepted | Declined:
        return self._network.perform(act, now_us=self._clock.now_us())

    def _is_out(self) -> bool:
        passed = (self._clock.now_us() - self._started_us) / SECOND_US
        return self._is_down or any(
            outage.from_seconds <= passed < outage.to_seconds for outage in self._network.scenario.outages
        )

    def _fault_of(self, act: Act) -> Fault:
        if self._is_out():
            return Fault.UNAVAILABLE
        if self._demanded:
            return self._demanded.popleft()
        return self._drawn(act)

    def _drawn(self, act: Act) -> Fault:
        rates = self._rates
        shares = (
            (Fault.UNAVAILABLE, rates.unavailable_bp),
            (Fault.RATE_LIMITED, rates.rate_limited_bp),
            (Fault.REPLY_LOST, rates.reply_lost_bp),
            (Fault.REQUEST_LOST, rates.request_lost_bp),
            (Fault.LATE, rates.late_bp),
            (Fault.SLOW, rates.slow_bp),
        )
        troubled_bp = sum(share for _, share in shares)
        if not troubled_bp:
            return Fault.NONE
        # By key and try, so that what meets which fault does not depend on who was faster.
        self._tries[act.key] += 1
        dice = Dice.of(self._network.scenario.seed, "fault", act.key, self._tries[act.key])
        return dice.weighted((*shares, (Fault.NONE, max(0, 10_000 - troubled_bp))))
