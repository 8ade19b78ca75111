"""One wallet's nonces in the store: the next one, the open ones, and every step of each as a commit with its event.

A nonce is handed out when the one before has been signed for, so that a refusal never leaves a gap.
"""

from __future__ import annotations

from msgspec.structs import replace

from chimera.domain.change import Change
from chimera.domain.event import Event, EventKind
from chimera.domain.transfer import OPEN, Sending, Transfer, TransferCommand, TransferState, transfer_id
from chimera.domain.wallets import Consent
from chimera.ports.clock import Clock
from chimera.ports.store import LIST_MAX, Store


class NonceBook:
    """Writes as the effects role. What it knows it has read from the store, or written there."""

    def __init__(self, *, chain: str, wallet: str, store: Store, clock: Clock) -> None:
        self.chain = chain
        self.wallet = wallet
        self._store = store
        self._clock = clock
        self.open: dict[int, Transfer] = {}
        self._free: dict[int, Transfer] = {}

    async def read(self) -> None:
        """What is open, as the store has it."""
        self.open, self._free = {}, {}
        after = ""
        while True:
            found = await self._store.list(Transfer, states=[*OPEN, TransferState.FREE], after=after, limit=LIST_MAX)
            for transfer in found:
                self._note(transfer)
            if len(found) < LIST_MAX:
                return
            after = found[-1].id

    async def of_grant(self, grant_id: str) -> Transfer | None:
        """The payment under a grant, if it has a nonce."""
        found = await self._store.list(Transfer, scope=grant_id)
        return found[-1] if found else None

    @property
    def reserved(self) -> Transfer | None:
        """The one that has a nonce and no signature yet."""
        return next((one for one in self.open.values() if one.state is TransferState.RESERVED), None)

    async def reserve(self, grant_id: str, *, used: int) -> Transfer:
        """The next nonce: one that was given back, or the one behind all known ones. `Conflict` when it is taken."""
        assert self.reserved is None, "one nonce at a time is without a signature"
        if self._free:
            given_back = self._free[min(self._free)]
            taken = replace(given_back.after(TransferCommand.TAKE), grant_id=grant_id, sendings=(), consents=())
        else:
            nonce = max([used, *(number + 1 for number in self.open)])
            taken = Transfer(id=transfer_id(chain=self.chain, wallet=self.wallet, nonce=nonce), chain=self.chain,
                             wallet=self.wallet, nonce=nonce, grant_id=grant_id)  # fmt: skip
        return await self._write(taken, EventKind.TRANSFER_RESERVED)

    async def give_back(self, transfer: Transfer) -> Transfer:
        """Nothing was signed for it: the next payment takes it."""
        return await self._write(transfer.after(TransferCommand.FREE), EventKind.TRANSFER_SEEN)

    async def sent(
        self, transfer: Transfer, sending: Sending, consents: tuple[Consent, ...], *, naive_tip_wei: int
    ) -> Transfer:
        """Signed; written before it is sent."""
        after = replace(transfer.after(TransferCommand.SEND), sendings=(*transfer.sendings, sending), consents=consents,
                        naive_tip_wei=naive_tip_wei or transfer.naive_tip_wei)  # fmt: skip
        return await self._write(after, EventKind.TRANSFER_SENT)

    async def mined(self, transfer: Transfer, *, digest: str, block: int, paid_wei: int, naive_wei: int) -> Transfer:
        """It is in a block."""
        after = replace(transfer.after(TransferCommand.MINE), block=block, mined_hash=digest, paid_wei=str(paid_wei),
                        naive_wei=str(naive_wei))  # fmt: skip
        return await self._write(after, EventKind.TRANSFER_SEEN)

    async def step(self, transfer: Transfer, command: TransferCommand) -> Transfer:
        """Another step of which nothing has to be told but that it was taken."""
        return await self._write(transfer.after(command), EventKind.TRANSFER_SEEN)

    async def _write(self, after: Transfer, kind: EventKind) -> Transfer:
        event = Event(kind=kind, subject=after.grant_id, at_us=self._clock.now_us(), data=_told(after))
        await self._store.commit(Change(records=(after,), events=(event,)))
        self._note(after)
        return after

    def _note(self, transfer: Transfer) -> None:
        if (transfer.chain, transfer.wallet) != (self.chain, self.wallet):
            return
        self.open.pop(transfer.nonce, None)
        self._free.pop(transfer.nonce, None)
        if transfer.state in OPEN:
            self.open[transfer.nonce] = transfer
        elif transfer.state is TransferState.FREE:
            self._free[transfer.nonce] = transfer


def _told(transfer: Transfer) -> dict[str, object]:
    last = transfer.sendings[-1] if transfer.sendings else None
    return {
        "chain": transfer.chain,
        "wallet": transfer.wallet,
        "nonce": transfer.nonce,
        "state": str(transfer.state),
        "hash": transfer.mined_hash or (last.hash if last else ""),
        "block": transfer.block,
        "sendings": len(transfer.sendings),
        "fee_wei": str(last.fee_wei) if last else "",
        "tip_wei": str(last.tip_wei) if last else "",
    }
