"""`chimera bench media-docs`: many hands patch the same documents at once; afterwards every update must be there."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from chimera import bootstrap
from chimera.adapters.local.home import Home
from chimera.adapters.postgres.media import PostgresMedia
from chimera.adapters.system.clock import SystemIds
from chimera.domain.roles import Role
from chimera.settings import Settings

HANDS = 512
DOCUMENTS = 16
UPDATES_PER_SECOND_MIN = 2_000


async def run(settings: Settings, *, updates: int) -> dict[str, Any]:
    """Each hand writes fields of its own into documents that all share, over two writers as two processes would."""
    with Home.open(settings.folder):
        async with bootstrap.database(settings) as found:
            pair = [await _open(found, role) for role in (Role.OFFICE, Role.MANAGER)]
            try:
                return await _measure(pair, updates)
            finally:
                for one in pair:
                    await one.close()


async def _open(found: bootstrap.Database, role: Role) -> PostgresMedia:
    return await PostgresMedia.open(found.dsn, role=role, password=found.passwords[role])


async def _measure(pair: list[PostgresMedia], updates: int) -> dict[str, Any]:
    ids = SystemIds()
    documents = [ids.new() for _ in range(DOCUMENTS)]
    each = updates // HANDS

    async def hand(number: int) -> None:
        for turn in range(each):
            document = documents[(number + turn) % DOCUMENTS]
            patch = {"renditions": {f"hand-{number}": {f"turn-{turn}": turn}}, "last": number}
            await pair[number % 2].patch(document, patch, key=ids.new())

    since = time.perf_counter()
    await asyncio.gather(*(hand(number) for number in range(HANDS)))
    seconds = time.perf_counter() - since
    lost, revisions = await _lost(pair[0], documents, each)
    return {
        "updates": HANDS * each, "hands": HANDS, "documents": DOCUMENTS, "writers": len(pair), "lost": lost,
        "revisions": revisions, "updates_per_second": round(HANDS * each / seconds), "seconds": round(seconds, 2),
    }  # fmt: skip


async def _lost(media: PostgresMedia, documents: list[str], each: int) -> tuple[int, int]:
    """Updates of which nothing stands in the documents, and how many revisions there are."""
    bodies = {document: (await media.get(document)).body for document in documents}
    revisions = sum([len(await media.revisions(document)) for document in documents])
    lost = sum(
        bodies[documents[(number + turn) % DOCUMENTS]]
        .get("renditions", {})
        .get(f"hand-{number}", {})
        .get(f"turn-{turn}")
        != turn
        for number in range(HANDS)
        for turn in range(each)
    )
    return lost, revisions


def holds(result: dict[str, Any]) -> bool:
    """Whether nothing was lost, and it was fast enough."""
    return (
        result["lost"] == 0
        and result["revisions"] == result["updates"]
        and result["updates_per_second"] >= UPDATES_PER_SECOND_MIN
    )
