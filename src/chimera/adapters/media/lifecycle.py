"""How long media are kept: as long as the records that name them, and no longer. Makes none, and opens none."""

from __future__ import annotations

from collections.abc import Callable

from chimera.ports.objects import Kept, Objects

ORIGINALS, THUMBNAILS, VOUCHED = "originals", "thumbnails", "vouched"


def vouch_of(digest: str) -> str:
    """Under which name the studio says that it has verified a medium."""
    return f"{VOUCHED}/{digest}.json"


class Shelf:
    """Implements `ports.weeks.Shelf`. Where media lie is looked up when it is asked."""

    def __init__(self, objects: Callable[[], Objects]) -> None:
        self._objects = objects

    async def older(self, *, before_us: int) -> tuple[str, ...]:
        """By digest, what was kept before a moment."""
        return tuple([_digest_of(one.name) for one in await _older(self._objects(), before_us)])

    async def remove(self, *, before_us: int) -> tuple[str, ...]:
        """All of that."""
        return await expire(self._objects(), before_us=before_us)


async def expire(objects: Objects, *, before_us: int) -> tuple[str, ...]:
    """Remove what is older, with everything that belongs to it. The digests of what went."""
    gone: list[str] = []
    for one in await _older(objects, before_us):
        digest = _digest_of(one.name)
        # What belongs to it first: whoever is cut off here finds the rest by the original.
        for name in (vouch_of(digest), f"{THUMBNAILS}/{digest}.png", one.name):
            await objects.delete(name)
        gone.append(digest)
    return tuple(gone)


async def _older(objects: Objects, before_us: int) -> list[Kept]:
    return [one for one in await objects.list(ORIGINALS) if one.at_us < before_us]


def _digest_of(name: str) -> str:
    return name.rpartition("/")[2].partition(".")[0]
