"""One wallet's nonces in the store: the next one, the open ones, and every step of each as a commit with its event.

A nonce is handed out when the one before has been signed for, so that a refusal never leaves a gap. What happens to a
transaction that carries several payments is one commit for all its places.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from chimera.adapters.chain.node import Seen
from chimera.domain.change import Change
from chimera.domain.event import Event, EventKind
from chimera.domain.transfer import (
    OPEN,
    Sending,
    Shipment,
    Transfer,
    TransferCommand,
    TransferState,
    shares,
    transfer_id,
)
from chimera.domain.wallets import Consent
from chimera.ports.clock import Clock
from chimera.ports.store import LIST_MAX, Store


class Cargo(Struct, frozen=True, kw_only=True):
    """A payment that wants a place: its grant, the gas that its own part may use, and what it would use alone."""

    grant_id: str
    gas: int
    gas_alone: int


class NonceBook:
    """Writes as the effects role. What it knows it has read from the store, or written there."""

    def __init__(self, *, chain: str, wallet: str, store: Store, clock: Clock) -> None:
        self.chain = chain
        self.wallet = wallet
        self._store = store
        self._clock = clock
        self._open: dict[int, dict[int, Transfer]] = {}
        self._free: dict[int, dict[int, Transfer]] = {}

    async def read(self) -> None:
        """What is open, as the store has it."""
        self._open, self._free = {}, {}
        after = ""
        while True:
            found = await self._store.list(Transfer, states=[*OPEN, TransferState.FREE], after=after, limit=LIST_MAX)
            for transfer in found:
                self._note(transfer)
            if len(found) < LIST_MAX:
                return
            after = found[-1].id

    @property
    def open(self) -> tuple[Shipment, ...]:
        """What is under way, in the order of nonces."""
        return tuple(self._shipment(nonce) for nonce in sorted(self._open))

    async def of_grant(self, grant_id: str) -> Transfer | None:
        """The payment under a grant, if it has a nonce."""
        if (open_one := self._under_way(grant_id)) is not None:
            return open_one
        # A place that was given back may still name it.
        found = [one for one in await self._store.list(Transfer, scope=grant_id) if one.state is not TransferState.FREE]
        return found[-1] if found else None

    def has(self, grant_id: str) -> bool:
        """Whether a payment under this grant is under way."""
        return self._under_way(grant_id) is not None

    def _under_way(self, grant_id: str) -> Transfer | None:
        every = (one for at in self._open.values() for one in at.values())
        return next((one for one in every if one.grant_id == grant_id), None)

    @property
    def reserved(self) -> Shipment | None:
        """The one that has a nonce and no signature yet."""
        return next((one for one in self.open if one.lead.state is TransferState.RESERVED), None)

    async def reserve(self, cargo: Sequence[Cargo], *, used: int) -> Shipment:
        """The next nonce: one that was given back, or the one behind all known ones. `Conflict` when it is taken."""
        assert self.reserved is None, "one nonce at a time is without a signature"
        # A nonce is free when its first place is; further places may be left of a transaction that was given back.
        free = [nonce for nonce, places in self._free.items() if 0 in places]
        nonce = min(free) if free else max([used, *(number + 1 for number in self._open)])
        return await self._write(
            [self._taken(one, nonce, place, len(cargo)) for place, one in enumerate(cargo)], EventKind.TRANSFER_RESERVED
        )

    async def give_back(self, shipment: Shipment) -> Shipment:
        """Nothing was signed for it: the next payment takes it."""
        return await self.step(shipment, TransferCommand.FREE)

    async def sent(
        self, shipment: Shipment, sending: Sending, consents: Sequence[tuple[Consent, ...]], *, naive_tip_wei: int
    ) -> Shipment:
        """Signed; written before it is sent. The bytes stand at the first place."""
        after = [
            replace(one.after(TransferCommand.SEND), consents=agreed,
                    sendings=(*one.sendings, sending) if one.place == 0 else (),
                    naive_tip_wei=naive_tip_wei or one.naive_tip_wei)
            for one, agreed in zip(shipment.transfers, consents, strict=True)
        ]  # fmt: skip
        return await self._write(after, EventKind.TRANSFER_SENT)

    async def mined(self, shipment: Shipment, seen: Seen, *, paid: Sequence[bool]) -> Shipment:
        """It is in a block, which has paid these places. The fee is shared by them to the last wei."""
        fees = shares(seen.price_wei * seen.gas_used, paid=paid)
        after = [
            replace(one.after(TransferCommand.MINE), block=seen.block, mined_hash=seen.hash, is_paid=is_paid,
                    paid_wei=str(fee), naive_wei=str((seen.base_wei + one.naive_tip_wei) * _naive_gas(one, seen)))
            for one, is_paid, fee in zip(shipment.transfers, paid, fees, strict=True)
        ]  # fmt: skip
        return await self._write(after, EventKind.TRANSFER_SEEN)

    async def conclude(self, shipment: Shipment) -> Shipment:
        """Nothing brings its block back: what it has paid is paid, and what it has not never will be."""
        ends = {True: TransferCommand.SETTLE, False: TransferCommand.REVERT}
        return await self._write([one.after(ends[one.is_paid]) for one in shipment.transfers], EventKind.TRANSFER_SEEN)

    async def step(self, shipment: Shipment, command: TransferCommand) -> Shipment:
        """Another step of which nothing has to be told but that it was taken."""
        return await self._write([one.after(command) for one in shipment.transfers], EventKind.TRANSFER_SEEN)

    def _taken(self, cargo: Cargo, nonce: int, place: int, places: int) -> Transfer:
        left = self._free.get(nonce, {}).get(place)
        given = {"grant_id": cargo.grant_id, "place": place, "places": places, "gas": cargo.gas,
                 "gas_alone": cargo.gas_alone}  # fmt: skip
        if left is not None:
            return replace(left.after(TransferCommand.TAKE), sendings=(), consents=(), **given)
        made = Transfer(id=transfer_id(chain=self.chain, wallet=self.wallet, nonce=nonce, place=place),
                        chain=self.chain, wallet=self.wallet, nonce=nonce, grant_id=cargo.grant_id)  # fmt: skip
        return replace(made, **given)

    async def _write(self, after: Sequence[Transfer], kind: EventKind) -> Shipment:
        at_us, sendings = self._clock.now_us(), after[0].sendings
        events = tuple(
            Event(kind=kind, subject=one.grant_id, at_us=at_us, data=_told(one, sendings)) for one in after
        )  # fmt: skip
        await self._store.commit(Change(records=tuple(after), events=events))
        for one in after:
            self._note(one)
        return Shipment(tuple(after))

    def _shipment(self, nonce: int) -> Shipment:
        at = self._open[nonce]
        return Shipment(tuple(at[place] for place in sorted(at)))

    def _note(self, transfer: Transfer) -> None:
        if (transfer.chain, transfer.wallet) != (self.chain, self.wallet):
            return
        for book in (self._open, self._free):
            if (at := book.get(transfer.nonce)) is not None:
                at.pop(transfer.place, None)
                if not at:
                    del book[transfer.nonce]
        if transfer.state in OPEN:
            self._open.setdefault(transfer.nonce, {})[transfer.place] = transfer
        elif transfer.state is TransferState.FREE:
            self._free.setdefault(transfer.nonce, {})[transfer.place] = transfer


def _naive_gas(transfer: Transfer, seen: Seen) -> int:
    """What a wallet without care would have used: this transaction's gas, or for a place what it took alone."""
    return transfer.gas_alone if transfer.places > 1 else seen.gas_used


def _told(transfer: Transfer, sendings: Sequence[Sending]) -> dict[str, object]:
    last = sendings[-1] if sendings else None
    return {
        "chain": transfer.chain,
        "wallet": transfer.wallet,
        "nonce": transfer.nonce,
        "place": transfer.place,
        "places": transfer.places,
        "state": str(transfer.state),
        "paid": transfer.is_paid,
        "hash": transfer.mined_hash or (last.hash if last else ""),
        "block": transfer.block,
        "sendings": len(sendings),
        "fee_wei": str(last.fee_wei) if last else "",
        "tip_wei": str(last.tip_wei) if last else "",
    }
