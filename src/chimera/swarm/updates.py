"""Tells of every record of a kind once, and then of those alone that have changed. Decides nothing about them."""

from __future__ import annotations

import asyncio
from bisect import bisect_left, insort
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from chimera.domain.agent import Agent
from chimera.domain.campaign import Campaign, CampaignState
from chimera.ports.store import LIST_MAX, Reads

R = TypeVar("R", Agent, Campaign)
OPEN = (CampaignState.OPENED, CampaignState.RUNNING)
# So many are read at once at the beginning, while others wait.
READ_AT_ONCE_MAX = 200


class Updates(Generic[R]):
    """What a look costs is what has changed (ADR-229). One may be told of twice: who notes it goes by its id."""

    def __init__(self, reads: Reads, kind: type[R], note: Callable[[R], None], *, states: Sequence[str] = ()) -> None:
        self._reads = reads
        self._kind: type[R] = kind
        self._note = note
        self._states = states
        self._mark: int | None = None
        self._has_begun = False
        self._looking = asyncio.Lock()

    async def look(self) -> None:
        """Notes who has changed, in whichever state; the first time everybody in the states that were asked for."""
        async with self._looking:
            # Before anybody is read: who changes meanwhile is read again, also where the first look is cut off.
            changed = await self._reads.changed(self._kind, since=self._mark)
            if self._mark is None:
                self._mark = changed.mark
            if not self._has_begun:
                await self._begin()
                self._has_begun = True
            wanted = sorted(changed.versions)
            for start in range(0, len(wanted), LIST_MAX):
                for one in await self._reads.get_many(self._kind, wanted[start : start + LIST_MAX]):
                    self._note(one)
            self._mark = changed.mark

    async def _begin(self) -> None:
        after = ""
        while page := await self._reads.list(self._kind, states=self._states, after=after, limit=READ_AT_ONCE_MAX):
            for one in page:
                self._note(one)
            after = page[-1].id


class OpenCampaigns:
    """Which campaign answers for each agent: the newest that is open. Asked by whoever brings something in."""

    def __init__(self, reads: Reads) -> None:
        self._of: dict[str, list[str]] = {}
        self._updates = Updates(reads, Campaign, self._keep, states=OPEN)

    async def look(self) -> None:
        """What was opened, paused and ended since."""
        await self._updates.look()

    def newest_of(self, agent_id: str) -> str | None:
        """Its id, as it was at the last look; None where nothing of the agent is open."""
        known = self._of.get(agent_id)
        return known[-1] if known else None

    def _keep(self, campaign: Campaign) -> None:
        known = self._of.get(campaign.agent_id, [])
        at = bisect_left(known, campaign.id)
        if at < len(known) and known[at] == campaign.id:
            del known[at]
        if campaign.state in OPEN:
            insort(known, campaign.id)
        if known:
            self._of[campaign.agent_id] = known
        else:
            self._of.pop(campaign.agent_id, None)
