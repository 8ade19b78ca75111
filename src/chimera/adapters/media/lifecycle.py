"""How long media are kept: as long as the records that name them, and no longer. Makes none, and opens none."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chimera.ports.objects import Objects
from chimera.ports.weeks import Shelved

ORIGINALS, THUMBNAILS, VOUCHED = "originals", "thumbnails", "vouched"


def vouch_of(digest: str) -> str:
    """Under which name the studio says that it has verified a medium."""
    return f"{VOUCHED}/{digest}.json"


class Shelf:
    """Implements `ports.weeks.Shelf`. Where media lie is looked up when it is asked."""

    def __init__(self, objects: Callable[[], Objects]) -> None:
        self._objects = objects

    async def older(self, *, before_us: int) -> tuple[Shelved, ...]:
        """What was kept before a moment."""
        return await _older(self._objects(), before_us)

    async def remove(self, media: Sequence[Shelved]) -> None:
        """One after the other."""
        await _remove(self._objects(), media)


async def expire(objects: Objects, *, before_us: int) -> tuple[str, ...]:
    """Remove what is older, with everything that belongs to it. The digests of what went."""
    media = await _older(objects, before_us)
    await _remove(objects, media)
    return tuple([one.digest for one in media])


async def _older(objects: Objects, before_us: int) -> tuple[Shelved, ...]:
    kept = await objects.list(ORIGINALS)
    return tuple([Shelved(digest=_digest_of(one.name), name=one.name) for one in kept if one.at_us < before_us])


async def _remove(objects: Objects, media: Sequence[Shelved]) -> None:
    for one in media:
        # What belongs to it first: whoever is cut off here finds the rest by the original.
        for name in (vouch_of(one.digest), f"{THUMBNAILS}/{one.digest}.png", one.name):
            await objects.delete(name)


def _digest_of(name: str) -> str:
    return name.rpartition("/")[2].partition(".")[0]
