"""A nonce of a wallet and the payment that has it. Its id is the nonce's, so the database gives each nonce out once."""

from __future__ import annotations

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
        (_S.SENT, _C.REVERT): _S.REVERTED,
        (_S.SENT, _C.DISOWN): _S.FOREIGN,
        (_S.RESERVED, _C.DISOWN): _S.FOREIGN,
        # A reorganisation took the block away: the same bytes are sent again.
        (_S.MINED, _C.LOSE): _S.SENT,
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
    """One nonce of one wallet on one chain, and the grant that has it."""

    chain: str
    wallet: str
    nonce: int
    grant_id: str
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


def transfer_id(*, chain: str, wallet: str, nonce: int) -> str:
    """The id of a nonce."""
    return ids.derive(ids.ROOT, "nonce", chain, wallet, str(nonce))
