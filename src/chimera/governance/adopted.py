"""Campaigns as their planner left them, so that it need not read them again for each answer. Decides nothing.

What is kept is a guess that every commit checks: a campaign that anybody else has written meanwhile has another
version, and the plan made from the old one is refused. Whoever plans nothing from what he got here forgets it.
"""

from __future__ import annotations

from collections.abc import Sequence

from chimera.domain.campaign import Campaign
from chimera.domain.recent import Recent
from chimera.ports.store import Reads

# About a kilobyte each.
KEPT_MAX = 16_384


class Adopted:
    """The campaigns that were planned last, by id."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._kept: Recent[str, Campaign] = Recent(KEPT_MAX)

    async def of(self, ids: Sequence[str]) -> tuple[Campaign, ...]:
        """Those of these ids that there are, each at most once; read from the store where they are not kept."""
        missing = [one for one in ids if one not in self._kept]
        kept = [self._kept[one] for one in ids if one in self._kept]
        return (*kept, *await self._reads.get_many(Campaign, missing)) if missing else tuple(kept)

    def keep(self, campaign: Campaign) -> None:
        """As it was just written."""
        self._kept[campaign.id] = campaign

    def forget(self, campaign_id: str) -> None:
        """It may have been written since, or nothing comes of it: the next look is at the store."""
        self._kept.pop(campaign_id, None)
