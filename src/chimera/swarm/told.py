"""What the intake of this process says has just come in, and of which campaigns somebody plans now. Plans nothing.

Being told only saves the look at the queue. Whatever is not taken from here waits in the store, where all of it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chimera.domain.campaign import Input
from chimera.domain.recent import Recent

TOLD_MAX = 512
# So many ids of what was planned are remembered, to know a page that was read before as old.
LATELY_MAX = 4_096


class Told:
    """One campaign is planned by one at a time: what comes in for it meanwhile waits for the next round."""

    def __init__(self, shards: Iterable[int]) -> None:
        self._shards = frozenset(shards)
        self._waiting: dict[str, Input] = {}
        self._under_way: set[str] = set()
        self._lately: Recent[str, None] = Recent(LATELY_MAX)
        # Until a page was read to its end, others may wait for longer than whoever comes now.
        self._is_behind = True

    def tell(self, one: Input) -> bool:
        """Just committed. Whether it is kept here; otherwise it comes with a page of the queue."""
        if self._is_behind or one.shard not in self._shards or len(self._waiting) >= TOLD_MAX or one.asks_for_plan:
            return False
        if one.id not in self._lately:
            self._waiting[one.id] = one
        return True

    def take(self) -> list[Input]:
        """All that may be planned now; until `end`, nobody else plans for their campaigns."""
        taken = [one for one in self._waiting.values() if one.campaign_id not in self._under_way]
        for one in taken:
            del self._waiting[one.id]
        self._under_way.update([one.campaign_id for one in taken])
        return taken

    def paged(self, page: Sequence[Input], *, at_once: int) -> list[Input]:
        """Those of a whole page of the queue that are fresh."""
        self._is_behind = len(page) >= at_once
        if self._is_behind:
            self._waiting.clear()
        return self.fresh(page)

    def fresh(self, found: Iterable[Input]) -> list[Input]:
        """Those that nobody plans, and of which nobody was told."""
        return [one for one in found if one.campaign_id not in self._under_way
                and one.id not in self._lately and one.id not in self._waiting]  # fmt: skip

    def begin(self, campaigns: Iterable[str]) -> None:
        """Somebody plans for these now."""
        self._under_way.update(campaigns)

    def end(self, campaigns: Iterable[str]) -> None:
        """Nobody does any more."""
        self._under_way.difference_update(campaigns)

    def planned(self, inputs: Iterable[Input]) -> None:
        """These are on record as planned, whatever a page says that was read before."""
        for one in inputs:
            self._waiting.pop(one.id, None)
            self._lately[one.id] = None
