"""How long media are kept: as long as the records that name them, and no longer. Makes none, and opens none."""

from __future__ import annotations

from chimera.ports.objects import Objects

ORIGINALS, THUMBNAILS, VOUCHED = "originals", "thumbnails", "vouched"


def vouch_of(digest: str) -> str:
    """Under which name the studio says that it has verified a medium."""
    return f"{VOUCHED}/{digest}.json"


async def expire(objects: Objects, *, before_us: int) -> tuple[str, ...]:
    """Remove what is older, with everything that belongs to it. The digests of what went."""
    gone: list[str] = []
    for one in await objects.list(ORIGINALS):
        if one.at_us < before_us:
            digest = one.name.rpartition("/")[2].partition(".")[0]
            # What belongs to it first: whoever is cut off here finds the rest by the original.
            for name in (vouch_of(digest), f"{THUMBNAILS}/{digest}.png", one.name):
                await objects.delete(name)
            gone.append(digest)
    return tuple(gone)
