"""Finds places in the chains: by time, without an index of its own, because a chain is in order. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from chimera.domain.event import Event, Link
from chimera.ports.store import Head, Reads
from chimera.ports.views import Stretch, Views

SCAN_MAX = 50_000
_EVENT = msgspec.json.Decoder(Event)


class EventLine(Struct, frozen=True, kw_only=True):
    """One event with its place in its chain; the place is empty for whoever may not read the chains."""

    chain: str
    sequence: int
    hash: str
    kind: str
    subject: str
    at_us: int
    data: dict[str, Any]


class Found(Struct, frozen=True, kw_only=True):
    """Events that match, and where to go on: for each chain the sequence that was looked at last."""

    events: tuple[EventLine, ...]
    next: dict[str, int]


class Sought(Struct, frozen=True, kw_only=True):
    """What is looked for. Empty means anything. `others`: kinds and records that are found as well."""

    kind: str = ""
    record: str = ""
    chain: str = ""
    since_us: int = 0
    until_us: int = 0
    limit: int = 50
    others: tuple[tuple[str, str], ...] = ()


def event_of(link: Link) -> Event:
    """The event of a link."""
    return _EVENT.decode(link.body)


def line_of(link: Link, told: Event | None = None) -> EventLine:
    """A link for people, with its own event or with what is told instead."""
    event = told or event_of(link)
    return EventLine(chain=link.writer, sequence=link.seq, hash=link.hash.hex(), kind=str(event.kind),
                     subject=event.subject, at_us=event.at_us, data=event.data)  # fmt: skip


async def sequence_at(reads: Reads, head: Head, at_us: int) -> int:
    """The last sequence of a chain before a time. A chain is nearly in the order of time: near enough to begin."""
    low, high = 0, head.seq
    while low < high:
        middle = (low + high) // 2
        links = await reads.links(head.writer, after_seq=middle, limit=1)
        if links and event_of(links[0]).at_us < at_us:
            low = middle + 1
        else:
            high = middle
    return low


async def newest(views: Views, sought: Sought, *, before: Mapping[str, int]) -> Found:
    """What matches, newest first. Looks at so many events of each chain at most, and says where it stopped."""
    lines, reached = list[EventLine](), dict[str, int]()
    for head in await views.heads():
        if sought.chain in ("", head.writer):
            found, low = await _in_chain(views, head, sought, before=before.get(head.writer, head.seq + 1))
            lines.extend(found)
            reached[head.writer] = low
    lines.sort(key=lambda line: (line.at_us, line.chain, line.sequence), reverse=True)
    shown = lines[: sought.limit]
    return Found(events=tuple(shown), next=_where_next(lines, shown, reached))


async def _in_chain(views: Views, head: Head, sought: Sought, *, before: int) -> tuple[list[EventLine], int]:
    top = min(before - 1, head.seq)
    if sought.until_us:
        top = min(top, await sequence_at(views, head, sought.until_us))
    floor = await sequence_at(views, head, sought.since_us) if sought.since_us else 0
    low = max(floor, top - SCAN_MAX)
    if top <= low:
        return [], 0
    stretch = Stretch(writer=head.writer, after_seq=low, to_seq=top, limit=sought.limit)
    lines = await _lines(views, stretch, sought)
    if len(lines) >= sought.limit:
        return lines, lines[-1].sequence
    return lines, low + 1 if low > floor else 0


async def _lines(views: Views, stretch: Stretch, sought: Sought) -> list[EventLine]:
    """The newest of a stretch that are sought, newest first."""
    found = dict[int, EventLine]()
    for kind, record in ((sought.kind, sought.record), *sought.others):
        links = await views.search(replace(stretch, needles=needles_of(kind, record)))
        found |= {line.sequence: line for line in (line_of(link) for link in links) if kind in ("", line.kind)}
    return [found[sequence] for sequence in sorted(found, reverse=True)[: sought.limit]]


def needles_of(kind: str, record: str) -> tuple[bytes, ...]:
    """The texts that a matching body holds: keys are sorted, so a kind stands before the subject."""
    begins = f'"kind":"{kind}","subject":"' if kind else ""
    return tuple(text.encode() for text in (begins, record) if text)


def _where_next(lines: list[EventLine], shown: list[EventLine], reached: dict[str, int]) -> dict[str, int]:
    """Below what was shown of each chain; where nothing was cut off, below what was looked at."""
    cut = lines[len(shown) :]
    after = dict(reached)
    for chain in {line.chain for line in cut}:
        kept = [line.sequence for line in shown if line.chain == chain]
        # Nothing of it was shown: the next page begins with its newest again.
        newest_cut = max(line.sequence for line in cut if line.chain == chain)
        after[chain] = min(kept) if kept else newest_cut + 1
    return {chain: sequence for chain, sequence in after.items() if sequence > 1}


async def about(views: Views, record: str, *, since_us: int, limit: int) -> tuple[EventLine, ...]:
    """Everything that names a record, oldest first, from a time on."""
    lines = list[EventLine]()
    for head in await views.heads():
        low = await sequence_at(views, head, since_us)
        while low < head.seq and len(lines) < limit:
            top = min(head.seq, low + SCAN_MAX)
            stretch = Stretch(writer=head.writer, after_seq=low, to_seq=top, needles=(record.encode(),),
                              newest_first=False, limit=limit)  # fmt: skip
            lines.extend(line_of(link) for link in await views.search(stretch))
            low = top
    return tuple(sorted(lines, key=lambda line: (line.at_us, line.chain, line.sequence))[:limit])
