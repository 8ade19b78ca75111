"""A network's own limits, kept on our side: who keeps within them is not thrown out. Counts; sleeps for nobody."""

from __future__ import annotations

from collections import defaultdict, deque

from msgspec import Struct

from chimera.domain.durations import SECOND_US
from chimera.ports.clock import Clock
from chimera.ports.network import Declined


class Quota(Struct, frozen=True, kw_only=True):
    """So many points in so many seconds, for each account."""

    points: int
    seconds: int


class Quotas:
    """Sliding windows for each account, and the pauses that the network itself asked for."""

    def __init__(self, quotas: tuple[Quota, ...], clock: Clock) -> None:
        self._quotas = quotas
        self._clock = clock
        self._longest_us = max((quota.seconds for quota in quotas), default=0) * SECOND_US
        self._spent: defaultdict[str, deque[tuple[int, int]]] = defaultdict(deque)
        self._pause_until_us: dict[str, int] = {}

    def take(self, account: str, points: int) -> Declined | None:
        """Spend them; or why it may not be now."""
        now_us = self._clock.now_us()
        if now_us < self._pause_until_us.get(account, 0):
            return Declined("rate_limited", "the network asked for a pause", later=True)
        spent = self._spent[account]
        while spent and spent[0][0] <= now_us - self._longest_us:
            spent.popleft()
        for quota in self._quotas:
            used = sum(many for at_us, many in spent if at_us > now_us - quota.seconds * SECOND_US)
            if used + points > quota.points:
                why = f"{used} of {quota.points} points are used in {quota.seconds} s"
                return Declined("rate_limited", why, later=True)
        spent.append((now_us, points))
        return None

    def pause(self, account: str, *, seconds: float) -> Declined:
        """The network has had enough of an account for so long."""
        self._pause_until_us[account] = self._clock.now_us() + int(max(seconds, 1.0) * SECOND_US)
        return Declined("rate_limited", "the network refuses more calls for now", later=True)
