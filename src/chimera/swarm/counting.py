"""Counts what a process reads of networks, a few calls ahead of the database. Reads nothing of any network itself.

Who reads seldom takes one call at a time; who reads often takes more at once, so that a read does not cost a commit.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection
from itertools import islice

from chimera.domain import quotas, refusals
from chimera.governance.quotas import Reader, read_in
from chimera.governance.treasury import Treasury
from chimera.ports.calls import CallWindows, Counted
from chimera.ports.clock import Clock
from chimera.swarm.roster import Roster

# Behind it, what others have done with a window, a person above all, is looked at again.
FRESH_US = 10_000_000
# A window that was full is asked again so soon.
FULL_US = 1_000_000
AHEAD_MAX = 100
# Of so many other windows it is said at once what was made in them.
TOLD_MAX = 500
# What a process that died had ahead counts as made after this.
LEASE_SECONDS = 60.0


class _Ahead:
    """What the process may still call in one window."""

    def __init__(self) -> None:
        self.left = 0
        self.made = 0
        self.asked_us = -FRESH_US
        self.is_full = False
        self.is_limited = True

    def age_is_below(self, most_us: int, now_us: int) -> bool:
        """Whether it was asked a short while ago. A clock that was set back knows nothing."""
        return 0 <= now_us - self.asked_us < most_us

    def is_known(self, now_us: int) -> bool:
        """Whether what was answered decides this call too."""
        if self.is_full:
            return self.age_is_below(FULL_US, now_us)
        return (self.left > 0 or not self.is_limited) and self.age_is_below(FRESH_US, now_us)

    def answered(self, ahead: int | None, *, at_us: int) -> None:
        """What the window lets it make next; None where nobody has limited calls."""
        self.left, self.made, self.asked_us = ahead or 0, 0, at_us
        self.is_limited, self.is_full = ahead is not None, ahead == 0


class Counting:
    """Implements `ports.calls.Calls`. `caller` is this run of this process, and nobody else ever."""

    def __init__(self, *, windows: CallWindows, roster: Roster, treasury: Treasury, clock: Clock, caller: str) -> None:
        self._windows = windows
        self._roster = roster
        self._treasury = treasury
        self._clock = clock
        self._caller = caller
        self._ahead: dict[str, _Ahead] = {}
        self._included: Counter[tuple[str, str]] = Counter()
        self._one = asyncio.Lock()

    async def count(self, platform: str, *, account: str, agent_id: str) -> None:
        """One call more, or `Refused` with the window that is full."""
        reader = Reader(
            platform=platform, account=account or await self._account(platform, agent_id), agent_id=agent_id
        )
        async with self._one:
            if self._included[reader.platform, reader.account] > 0:
                self._included[reader.platform, reader.account] -= 1
                return
            await self._take(reader)
            self._included[reader.platform, reader.account] = quotas.reads_in_a_call(platform) - 1

    async def close(self) -> None:
        """Say what was made, and give back the rest."""
        async with self._one:
            for one in self._ahead.values():
                one.asked_us = -FRESH_US
            await self._settle(())

    async def _account(self, platform: str, agent_id: str) -> str:
        agent = (await self._roster.agents((agent_id,))).get(agent_id)
        accounts = agent.accounts if agent else ()
        return next((one.handle for one in accounts if one.platform == platform), "")

    async def _take(self, reader: Reader) -> None:
        now_us = self._clock.now_us()
        known = await self._roster.quotas()
        keys = read_in(reader, known=known, treasury=self._treasury, at_us=now_us)
        ahead = [self._ahead.setdefault(key, _Ahead()) for key in keys]
        if not all(one.is_known(now_us) for one in ahead):
            await self._settle(keys)
        for key, one in zip(keys, ahead, strict=True):
            if one.is_full:
                raise refusals.over_quota(key, left="no calls left to read with; a fifth is kept for acts")
        for one in ahead:
            one.left -= 1
            one.made += 1

    async def _settle(self, now: Collection[str]) -> None:
        """Says what was made in every window. Of those that are asked for now, twice as many are taken as were made."""
        at_us = self._clock.now_us()
        others = islice((key for key in self._ahead if key not in now), TOLD_MAX)
        told = {key: Counted(one.made, self._wanted(one, is_now=key in now, at_us=at_us))
                for key in (*now, *others) if (one := self._ahead[key])}  # fmt: skip
        found = await self._windows.settle(self._caller, told, lease_seconds=LEASE_SECONDS) if told else {}
        for key in told:
            if key in now:
                self._ahead[key].answered(found.get(key), at_us=at_us)
            elif told[key].wanted and key in found:
                self._ahead[key].left, self._ahead[key].made = found[key], 0
            else:
                del self._ahead[key]

    @staticmethod
    def _wanted(one: _Ahead, *, is_now: bool, at_us: int) -> int:
        is_busy = one.age_is_below(FRESH_US, at_us)
        if is_now:
            return max(1, min(AHEAD_MAX, one.made * 2)) if is_busy else 1
        return one.left if is_busy else 0
