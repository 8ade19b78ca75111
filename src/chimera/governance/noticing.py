"""Tells people that reviews wait: how many, for whom, until when. Never what they say, never a link that rules.

What was told is remembered for as long as the process lives: after a restart what is open is told once more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from chimera.domain.review import Review
from chimera.ports.notices import Notices
from chimera.ports.store import Reads

REMEDY = "Look with: chimera review list"


class Noticing:
    """One notice for all that is new since the last."""

    def __init__(self, *, reads: Reads, notices: Notices) -> None:
        self._reads = reads
        self._notices = notices
        self._told: frozenset[str] = frozenset()

    async def once(self) -> int:
        """How many reviews were told of for the first time. What could not be told is told again."""
        waiting = await self._reads.list(Review, states=("open",))
        fresh = [review for review in waiting if review.id not in self._told]
        if fresh and not await self._notices.tell(title_of(fresh), text_of(fresh, now_us=await self._reads.now_us())):
            return 0
        self._told = frozenset(review.id for review in waiting)
        return len(fresh)


def title_of(fresh: Sequence[Review]) -> str:
    """How many wait."""
    return "Chimera: one review waits" if len(fresh) == 1 else f"Chimera: {len(fresh)} reviews wait"


def text_of(fresh: Sequence[Review], *, now_us: int) -> str:
    """For whom, and how long there is. Not a word of what strangers or models have written."""
    roles = Counter(review.role for review in fresh)
    whom = ", ".join(f"{many} for {_article(role)} {role}" for role, many in sorted(roles.items()))
    minutes = max(0, min(review.deadline_us for review in fresh) - now_us) // 60_000_000
    return f"{whom}. The first is a no in {minutes // 60} h {minutes % 60} min. {REMEDY}"


def _article(role: str) -> str:
    return "an" if role[:1] in "aeiou" else "a"
