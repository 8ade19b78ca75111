"""Has the vault sign what was granted, a batch at a time. Cannot sign, and cannot perform."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from chimera.domain import merkle
from chimera.domain.change import Change, joined
from chimera.domain.errors import Refused
from chimera.domain.event import Event, EventKind
from chimera.domain.grant import Batch, Grant, Seal, SealState
from chimera.ports.clock import Clock
from chimera.ports.ids import Ids
from chimera.ports.sealer import Sealer, SignedRoot
from chimera.ports.store import Store


class Signed(Struct, frozen=True, kw_only=True):
    """What the vault signed, not yet on record: the batch, and each grant's place in it."""

    batch: Change
    seals: tuple[Seal, ...]

    @property
    def whole(self) -> Change:
        """All of it in one change."""
        return replace(self.batch, records=(*self.batch.records, *self.seals))


class Sealing:
    """One signature for many grants. Grants that stay in the house are taken as they are sealed."""

    def __init__(self, *, sealer: Sealer, store: Store, clock: Clock, ids: Ids) -> None:
        self._sealer = sealer
        self._store = store
        self._clock = clock
        self._ids = ids

    async def seal(self, grants: Sequence[Grant], *, along: Sequence[Change] = ()) -> tuple[Seal, ...]:
        """The seals, committed together with what is `along`: the ends of tasks whose act stays in the house.

        `Refused` when the vault says no, `Unavailable` when it does not answer.
        """
        signed = await self.sign(grants)
        await self._store.commit(joined((signed.whole, *along)))
        return signed.seals

    async def sign(self, grants: Sequence[Grant]) -> Signed:
        """What `seal` would commit."""
        signed = await self._sealer.seal(tuple(grant.terms for grant in grants))
        levels = merkle.levels_of([grant.terms.leaf for grant in grants])
        if levels[-1][0] != signed.root:
            raise Refused(
                "root_differs",
                "the vault signed another root than ours",
                where="sealing",
                remedy="nothing to do: look at the vault",
            )
        batch = self._batch(signed, count=len(grants))
        sealed_us, paths = self._clock.now_us(), merkle.paths_of(levels)
        seals = tuple([self._seal(grant, batch, path, sealed_us) for grant, path in zip(grants, paths, strict=True)])
        sealed = Event(
            kind=EventKind.GRANTS_SEALED,
            subject=batch.id,
            at_us=sealed_us,
            data={"root": batch.root, "key": batch.key_id, "count": batch.count},
        )
        return Signed(batch=Change(records=(batch,), events=(sealed,)), seals=seals)

    def _batch(self, signed: SignedRoot, *, count: int) -> Batch:
        return Batch(
            id=self._ids.new(), root=signed.root, signature=signed.signature, key_id=signed.key_id, count=count
        )

    def _seal(self, grant: Grant, batch: Batch, path: tuple[merkle.Neighbour, ...], sealed_us: int) -> Seal:
        state = SealState.TAKEN if grant.action.is_internal else SealState.READY
        return Seal(
            id=grant.id,
            batch_id=batch.id,
            campaign_id=grant.terms.campaign_id,
            path=path,
            not_before_us=sealed_us,
            state=state,
        )
