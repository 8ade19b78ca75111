"""A nonce of a wallet and the payments that have it. Its id is the nonce's, so the database gives each nonce out once.

Most transactions carry one payment. One that carries several gives each a *place*, and each place is a record of its
own with an id of its own: one grant, one place, one nonce. What happens to a transaction is written for all its places
in one commit; whether somebody was paid stands at his place.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from chimera.domain import ids
from chimera.domain.machine import Machine
from chimera.domain.record import Record, next_version
from chimera.domain.wallets import Consent

ATTEMPTS_MAX = 24


class TransferState(StrEnum):
    """How far a payment has come on its chain."""

    RESERVED = "reserved"
    FREE = "free"
    SENT = "sent"
    MINED = "mined"
    FINAL = "final"
    REVERTED = "reverted"
    FOREIGN = "foreign"


class TransferCommand(StrEnum):
    """What can be done with a nonce, or learnt about it."""

    FREE = "free"
    TAKE = "take"
    SEND = "send"
    MINE = "mine"
    REVERT = "revert"
    SETTLE = "settle"
    LOSE = "lose"
    DISOWN = "disown"


_S, _C = TransferState, TransferCommand
TRANSFER_MACHINE = Machine(
    "transfer",
    TransferState,
    TransferCommand,
    {
        (_S.RESERVED, _C.FREE): _S.FREE,
        (_S.FREE, _C.TAKE): _S.RESERVED,
        (_S.RESERVED, _C.SEND): _S.SENT,
        (_S.SENT, _C.SEND): _S.SENT,
        (_S.SENT, _C.MINE): _S.MINED,
        (_S.SENT, _C.DISOWN): _S.FOREIGN,
        (_S.RESERVED, _C.DISOWN): _S.FOREIGN,
        # A reorganisation took the block away: the same bytes are sent again. What the chain refused in one block it
        # may take in another, so that a refusal counts only where nothing brings the block back.
        (_S.MINED, _C.LOSE): _S.SENT,
        (_S.MINED, _C.REVERT): _S.REVERTED,
        (_S.MINED, _C.SETTLE): _S.FINAL,
    },
)


class Sending(Struct, frozen=True, kw_only=True):
    """One signed transaction for the nonce. Replacements pay more and are otherwise the same."""

    hash: str
    raw: str
    fee_wei: int
    tip_wei: int
    gas: int
    at_us: int


class Transfer(Record, frozen=True, kw_only=True):
    """One place at one nonce of one wallet on one chain, and the grant that has it."""

    chain: str
    wallet: str
    nonce: int
    grant_id: str
    # Its place in the transaction, how many it carries, and the gas that this payment's own part may use.
    place: int = 0
    places: int = 1
    gas: int = 0
    # What it would have used alone, and whether the block that has it has paid it.
    gas_alone: int = 0
    is_paid: bool = True
    sendings: tuple[Sending, ...] = ()
    consents: tuple[Consent, ...] = ()
    # The block in which it was seen, and what it would have paid a wallet that asks its node and pays what it hears.
    block: int = 0
    mined_hash: str = ""
    naive_tip_wei: int = 0
    naive_wei: str = "0"
    paid_wei: str = "0"
    state: TransferState = TransferState.RESERVED

    @property
    def scope(self) -> str:
        return self.grant_id

    @property
    def rank(self) -> int:
        return min(self.nonce, 2**31 - 1)

    def after(self, command: TransferCommand) -> Transfer:
        """The transfer after a command, or a named refusal."""
        return replace(next_version(self), state=TRANSFER_MACHINE.after(self.state, command))


OPEN = (TransferState.RESERVED, TransferState.SENT, TransferState.MINED)


def transfer_id(*, chain: str, wallet: str, nonce: int, place: int = 0) -> str:
    """The id of a nonce, or of a further place at it."""
    further = (str(place),) if place else ()
    return ids.derive(ids.ROOT, "nonce", chain, wallet, str(nonce), *further)


class Shipment(Struct, frozen=True):
    """What one transaction carries: the payments at one nonce, by their places. As a rule one."""

    transfers: tuple[Transfer, ...]

    @property
    def lead(self) -> Transfer:
        """The first place, which has what concerns all: sendings, block, hash."""
        return self.transfers[0]

    @property
    def nonce(self) -> int:
        return self.lead.nonce

    @property
    def is_shared(self) -> bool:
        return len(self.transfers) > 1


def shares(whole: int, *, paid: Sequence[bool]) -> tuple[int, ...]:
    """What each place bears of a transaction's fee: the paid ones alike, to the last wei; all, where none was paid."""
    bearing = [index for index, one in enumerate(paid) if one] or list(range(len(paid)))
    each, rest = divmod(whole, len(bearing))
    parts = dict.fromkeys(bearing, each)
    for index in bearing[:rest]:
        parts[index] += 1
    return tuple(parts.get(index, 0) for index in range(len(paid)))
