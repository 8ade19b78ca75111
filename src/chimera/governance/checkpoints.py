"""Has the vault sign where every chain stands: on a schedule, and at the end. Writes as the office; cannot sign."""

from __future__ import annotations

from chimera.domain.change import Change
from chimera.domain.checkpoint import BEGINNING, ChainHead, Checkpoint, checkpoint_id
from chimera.domain.event import Event, EventKind
from chimera.ports.notary import CheckpointSigner
from chimera.ports.store import LIST_MAX, Reads, Store


async def latest(reads: Reads) -> Checkpoint | None:
    """The last checkpoint on record."""
    counted = sum((await reads.count(Checkpoint)).values())
    found = await reads.find(Checkpoint, checkpoint_id(counted))
    if found is not None or counted == 0:
        return found
    # Numbers that do not begin at 1, or have gaps: look through all of them.
    last: Checkpoint | None = None
    while page := await reads.list(Checkpoint, after=last.id if last else "", limit=LIST_MAX):
        last = page[-1]
    return last


class Checkpoints:
    """One after another, each naming the one before."""

    def __init__(self, *, store: Store, notary: CheckpointSigner) -> None:
        self._store = store
        self._notary = notary
        # The last one is looked for once, and after anything that went wrong: there is one a minute, for ever.
        self._last: Checkpoint | None = None

    async def take(self) -> Checkpoint | None:
        """A new checkpoint; None when nothing has happened since the last one."""
        last, self._last = self._last or await latest(self._store), None
        self._last = await self._taken(last) or last
        return self._last if self._last is not last else None

    async def _taken(self, last: Checkpoint | None) -> Checkpoint | None:
        heads = await self._heads()
        if not heads or (last is not None and self._is_idle(last, heads)):
            return None
        signed = await self._notary.checkpoint(
            heads,
            after=last.statement.number if last else 0,
            previous=last.statement.digest if last else BEGINNING,
        )
        made = Checkpoint(
            id=checkpoint_id(signed.statement.number),
            statement=signed.statement,
            heads=heads,
            signature=signed.signature,
            key_id=signed.key_id,
        )
        await self._store.commit(Change(records=(made,), events=(await self._event(made),)))
        return made

    async def _heads(self) -> tuple[ChainHead, ...]:
        heads = [ChainHead(writer=one.writer, seq=one.seq, hash=one.hash.hex()) for one in await self._store.heads()]
        return tuple(sorted((head for head in heads if head.seq), key=lambda head: head.writer))

    def _is_idle(self, last: Checkpoint, heads: tuple[ChainHead, ...]) -> bool:
        """Whether nothing moved but our own chain, by the event of the last checkpoint."""
        before = {head.writer: head.seq for head in last.heads}
        own = self._store.writer
        return all(head.seq - before.get(head.writer, 0) <= (head.writer == own) for head in heads)

    async def _event(self, made: Checkpoint) -> Event:
        return Event(
            kind=EventKind.CHECKPOINT_SIGNED,
            subject=made.id,
            at_us=await self._store.now_us(),
            data={"number": made.statement.number, "root": made.statement.root, "chains": made.statement.chains,
                  "key": made.key_id},
        )  # fmt: skip
