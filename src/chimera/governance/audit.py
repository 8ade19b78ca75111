"""Does history verify? Reads every chain from its beginning. May not mend anything."""

from __future__ import annotations

from msgspec import Struct

from chimera.domain import event
from chimera.domain.event import Flaw
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
    # Heads first: what is committed while we read lies beyond them and is left for the next time.
    heads = await reads.heads()
    flaws = [flaw for head in heads for flaw in await _verify_chain(reads, head)]
    return AuditReport(chains=len(heads), events=sum(head.seq for head in heads), flaws=tuple(flaws))


async def _verify_chain(reads: Reads, head: Head) -> list[Flaw]:
    """The flaws of one chain up to its head. No more than a page of it is held at a time."""
    last, flaws = event.BEGINNING, list[Flaw]()
    while last.seq < head.seq:
        limit = min(LIST_MAX, head.seq - last.seq)
        page = await reads.links(head.writer, after_seq=last.seq, limit=limit)
        if not page:
            break
        flaws.extend(event.verify_page(head.writer, page, after=last))
        last = page[-1]
    flaws.extend(event.verify_end(head.writer, last, head_seq=head.seq, head_hash=head.hash))
    if last.seq == head.seq and await _is_overgrown(reads, head):
        flaws.append(Flaw(writer=head.writer, seq=head.seq + 1, what="there are events beyond the chain's head"))
    return flaws


async def _is_overgrown(reads: Reads, head: Head) -> bool:
    """Whether there is an event that the head does not know. An honest one moves the head in the same commit."""
    if not await reads.links(head.writer, after_seq=head.seq, limit=1):
        return False
    return any(now.writer == head.writer and now.seq == head.seq for now in await reads.heads())
