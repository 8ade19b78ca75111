"""Knows which reviews are planted, for whoever shows them like any other. Reads as the office, and tells no person."""

from __future__ import annotations

from msgspec import Struct

from chimera.domain.review import AFTERWARDS_SECONDS, OPEN_STATES, Decoy, Review
from chimera.ports.store import LIST_MAX, Reads


class Planted(Struct, frozen=True, kw_only=True):
    """A planted review, and what is known of it."""

    review: Review
    decoy: Decoy


class Decoys:
    """There are few: somebody thinks of each."""

    def __init__(self, *, store: Reads) -> None:
        self._store = store

    async def of_task(self, task_id: str) -> Planted | None:
        """The planted review that seems to belong to this task, if one does."""
        for review in await self._store.list(Review, scope=task_id):
            decoy = await self._store.find(Decoy, review.id)
            if decoy is not None:
                return Planted(review=review, decoy=decoy)
        return None

    async def waiting(self) -> tuple[Planted, ...]:
        """Those that nobody has ruled on."""
        recent = await self._recent(await self._store.now_us() - AFTERWARDS_SECONDS * 1_000_000)
        reviews = await self._store.get_many(Review, sorted(recent)) if recent else ()
        return tuple(Planted(review=one, decoy=recent[one.id]) for one in reviews if str(one.state) in OPEN_STATES)

    async def _recent(self, since_us: int) -> dict[str, Decoy]:
        """Those whose time to rule can still run."""
        found, after = dict[str, Decoy](), ""
        while page := await self._store.list(Decoy, after=after):
            found |= {decoy.id: decoy for decoy in page if decoy.planted_at_us > since_us}
            after = page[-1].id
            if len(page) < LIST_MAX:
                break
        return found
