"""Compares our books with a simulated network's own: what we say happened, what it says happened, what was paid."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chimera.domain.grant import Grant, Performance
from chimera.ports.store import Reads
from chimera.rehearsal import records
from chimera.rehearsal.records import Counts, Deed, Performed


async def compare(reads: Reads, deeds: Iterable[Deed]) -> Counts:
    """Lost, doubled, unknown and overspent, over everything that was ever performed."""
    performances = await _all_performances(reads)
    ours = [act for page in _pages(performances) for act in await _performed(reads, page)]
    return records.compare(deeds, ours, tasks={one.id: one.task_id for one in performances})


async def overspent_windows(reads: Reads) -> int:
    """How many budget windows hold more than their cap."""
    return sum(window.held_micros + window.spent_micros > window.cap_micros for window in await reads.windows())


async def _all_performances(reads: Reads) -> list[Performance]:
    found: list[Performance] = []
    while page := await reads.list(Performance, after=found[-1].id if found else ""):
        found.extend(page)
    return found


def _pages(found: Sequence[Performance], size: int = 1_000) -> list[Sequence[Performance]]:
    return [found[start : start + size] for start in range(0, len(found), size)]


async def _performed(reads: Reads, page: Sequence[Performance]) -> list[Performed]:
    """The acts of a page that we believe happened, each with what was granted for it."""
    happened = [one for one in page if one.state == "finished"]
    grants = {grant.id: grant for grant in await reads.get_many(Grant, [one.id for one in happened])}
    return [
        Performed(key=one.id, task_id=one.task_id, amount_micros=grants[one.id].action.cost_micros) for one in happened
    ]
