"""Does history verify? Reads every chain from its beginning, against what the vault signed. May not mend anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct

from chimera.domain import event
from chimera.domain.checkpoint import BEGINNING, Checkpoint, root_of
from chimera.domain.event import Flaw, Link
from chimera.governance.bundles import checkpoints
from chimera.ports.store import LIST_MAX, Head, Reads

CHECKPOINTS = "checkpoints"
Signed = Mapping[int, tuple[str, int]]


class AuditReport(Struct, frozen=True, kw_only=True):
    """What was read, and every place where it differs from what was committed."""

    chains: int
    events: int
    flaws: tuple[Flaw, ...]
    checkpoints: int = 0
    events_signed: int = 0

    @property
    def verified(self) -> bool:
        """Whether nothing differs."""
        return not self.flaws


async def verify_history(reads: Reads, *, keys: Mapping[str, str] | None = None, signed_last: int = 0) -> AuditReport:
    """Every chain, link by link. With the vault's public keys, its signatures too; `signed_last` is its own count."""
    # Checkpoints first, then heads: what is committed while we read lies beyond them and is left for the next time.
    stated = await checkpoints(reads)
    heads = await reads.heads()
    flaws = [*_verify_checkpoints(stated, keys, signed_last)]
    signed = _signed_heads(stated)
    for head in heads:
        flaws.extend(await _verify_chain(reads, head, signed.pop(head.writer, {})))
    flaws.extend(Flaw(writer=writer, seq=1, what=f"the chain is gone; checkpoint {found[max(found)][1]} signed it")
                 for writer, found in signed.items())  # fmt: skip
    covered = sum(head.seq for head in stated[-1].heads) if stated else 0
    return AuditReport(chains=len(heads), events=sum(head.seq for head in heads), flaws=tuple(flaws),
                       checkpoints=len(stated), events_signed=covered)  # fmt: skip


# ── checkpoints ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _verify_checkpoints(
    stated: Sequence[Checkpoint], keys: Mapping[str, str] | None, signed_last: int
) -> Iterator[Flaw]:
    """Each follows the one before, holds what was signed, and is signed."""
    number, previous = 0, BEGINNING
    for one in stated:
        found = one.statement.number
        if found != number + 1:
            yield Flaw(writer=CHECKPOINTS, seq=number + 1, what=f"missing before checkpoint {found}")
        elif one.statement.previous != previous:
            yield Flaw(writer=CHECKPOINTS, seq=found, what="it follows another checkpoint than the one before it")
        if not one.heads or root_of(one.heads) != one.statement.root:
            yield Flaw(writer=CHECKPOINTS, seq=found, what="its heads are not those that were signed")
        if keys is not None and not is_signed(one, keys):
            yield Flaw(writer=CHECKPOINTS, seq=found, what="it is not signed by this installation's vault")
        number, previous = found, one.statement.digest
    # The vault counts before it signs, and the database records after: one may have been lost with a crash between.
    if number < signed_last - 1:
        yield Flaw(writer=CHECKPOINTS, seq=number + 1, what=f"missing: the vault has signed {signed_last}")


def is_signed(checkpoint: Checkpoint, keys: Mapping[str, str]) -> bool:
    """Whether one of these keys signed it."""
    key = keys.get(checkpoint.key_id)
    if key is None:
        return False
    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
        public.verify(bytes.fromhex(checkpoint.signature), checkpoint.statement.signed_bytes)
    except (InvalidSignature, ValueError):
        return False
    return True


def _signed_heads(stated: Iterable[Checkpoint]) -> dict[str, dict[int, tuple[str, int]]]:
    """For each writer, what was signed: sequence → (hash, number of the checkpoint)."""
    found: dict[str, dict[int, tuple[str, int]]] = {}
    for one in stated:
        for head in one.heads:
            found.setdefault(head.writer, {})[head.seq] = (head.hash, one.statement.number)
    return found


# ── chains ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def _verify_chain(reads: Reads, head: Head, signed: Signed) -> list[Flaw]:
    """The flaws of one chain up to its head. No more than a page of it is held at a time."""
    last, flaws = event.BEGINNING, list[Flaw]()
    while last.seq < head.seq:
        limit = min(LIST_MAX, head.seq - last.seq)
        page = await reads.links(head.writer, after_seq=last.seq, limit=limit)
        if not page:
            break
        flaws.extend(event.verify_page(head.writer, page, after=last))
        flaws.extend(_differing(head.writer, page, signed))
        last = page[-1]
    flaws.extend(event.verify_end(head.writer, last, head_seq=head.seq, head_hash=head.hash))
    flaws.extend(_cut_off(head, signed))
    if last.seq == head.seq and await _is_overgrown(reads, head):
        flaws.append(Flaw(writer=head.writer, seq=head.seq + 1, what="there are events beyond the chain's head"))
    return flaws


def _differing(writer: str, page: Sequence[Link], signed: Signed) -> Iterator[Flaw]:
    """Where the chain is whole in itself and still not the one that was signed: somebody computed it anew."""
    for link in page:
        stated = signed.get(link.seq)
        if stated is not None and stated[0] != link.hash.hex():
            yield Flaw(writer=writer, seq=link.seq, what=f"checkpoint {stated[1]} signed another history up to here")


def _cut_off(head: Head, signed: Signed) -> Iterator[Flaw]:
    if signed and (end := max(signed)) > head.seq:
        what = f"the chain ends here; checkpoint {signed[end][1]} signed it up to sequence {end}"
        yield Flaw(writer=head.writer, seq=head.seq, what=what)


async def _is_overgrown(reads: Reads, head: Head) -> bool:
    """Whether there is an event that the head does not know. An honest one moves the head in the same commit."""
    if not await reads.links(head.writer, after_seq=head.seq, limit=1):
        return False
    return any(now.writer == head.writer and now.seq == head.seq for now in await reads.heads())
