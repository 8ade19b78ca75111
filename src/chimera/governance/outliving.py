"""Ends the halts of cancelled campaigns in which nothing is left to stop. Lifts nothing: a cancelled campaign stays so.

Every commit, every claim and the vault look at all halts in force. Without this, a fleet whose campaigns end by their
deadline would look at more of them with each campaign that it ever had.
"""

from __future__ import annotations

from collections.abc import Sequence

from chimera.domain.campaign import Campaign, CampaignState
from chimera.domain.change import Change
from chimera.domain.errors import Conflict
from chimera.domain.event import Event, EventKind
from chimera.domain.halt import IN_FORCE, Halt
from chimera.domain.task import UNDER_WAY, Task
from chimera.ports.store import Store, every

# One commit of a halt is looked at alone, while every other commit waits: many go in one.
ENDED_AT_ONCE_MAX = 500
_SCOPE = "campaign:"


class Outliving:
    """Writes as the office. Looks seldom: a halt too many harms nobody, a thousand too many do."""

    def __init__(self, *, store: Store) -> None:
        self._store = store

    async def once(self) -> int:
        """One round over the halts in force; how many had nothing left to stop."""
        halts = [one async for one in every(self._store, Halt, states=IN_FORCE) if one.halted.startswith(_SCOPE)]
        ended = 0
        for start in range(0, len(halts), ENDED_AT_ONCE_MAX):
            ended += await self._end(await self._outlived(halts[start : start + ENDED_AT_ONCE_MAX]))
        return ended

    async def _outlived(self, halts: Sequence[Halt]) -> list[Halt]:
        """Those of a campaign that is cancelled for good, in which nothing more is planned and nothing is under way."""
        of = {halt.halted.removeprefix(_SCOPE): halt for halt in halts}
        campaigns = await self._store.get_many(Campaign, sorted(of))
        over = [one.id for one in campaigns if one.state is CampaignState.CANCELLED]
        left = {one for one in over if await self._is_moving(one)}
        return [halt for halt in halts if (key := halt.halted.removeprefix(_SCOPE)) in over and key not in left]

    async def _is_moving(self, campaign_id: str) -> bool:
        """What a person ordered begins whatever has become of its campaign, and waits for no end of it."""
        return any([not task.order async for task in every(self._store, Task, scope=campaign_id, states=UNDER_WAY)])

    async def _end(self, halts: Sequence[Halt]) -> int:
        if not halts:
            return 0
        now_us = await self._store.now_us()
        events = tuple(Event(kind=EventKind.HALT_OUTLIVED, subject=one.id, at_us=now_us, data={"scope": one.halted})
                       for one in halts)  # fmt: skip
        try:
            await self._store.commit(Change(records=tuple(one.outlived() for one in halts), events=events))
        except Conflict:
            return 0  # A person has lifted one of them at this moment: the others are ended in the next round.
        return len(halts)
