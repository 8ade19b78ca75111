"""Does history verify? Reads every chain from its beginning. May not mend anything."""

from __future__ import annotations

from msgspec import Struct

from chimera.domain import event
from chimera.domain.event import Flaw, Link
from chimera.ports.store import LIST_MAX, Head, Reads


class AuditReport(Struct, frozen=True):
    """What was read, and every place where it differs from what was committed."""

    chains: int
    events: int
    flaws: tuple[Flaw, ...]

    @property
    def verified(self) -> bool:
        """Whether nothing differs."""
        return not self.flaws


async def verify_history(reads: Reads) -> AuditReport:
    """Every chain, link by link."""
    heads = await reads.heads()
    flaws: list[Flaw] = []
    for head in heads:
        flaws.extend(event.verify(head.writer, await _all_links(reads, head), head_seq=head.seq, head_hash=head.hash))
    return AuditReport(chains=len(heads), events=sum(head.seq for head in heads), flaws=tuple(flaws))


async def _all_links(reads: Reads, head: Head) -> list[Link]:
    links: list[Link] = []
    while page := await reads.links(head.writer, after_seq=links[-1].seq if links else 0, limit=LIST_MAX):
        links.extend(page)
    return links
