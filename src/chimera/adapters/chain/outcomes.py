"""What a payment's transfer has come to, in the words of effects and of the record. Asks no node; changes nothing."""

from __future__ import annotations

from chimera.adapters.chain.node import Seen
from chimera.domain.errors import Unavailable
from chimera.domain.transfer import Transfer, TransferState
from chimera.ports.publisher import Outcome, Published, Rejected, Unknown

WORD_BYTES = 32


def paid_places(seen: Seen, places: int) -> tuple[bool, ...]:
    """Which places were paid: all of a transaction that carries one; of several what its contract has said."""
    if not seen.succeeded or places == 1:
        return (seen.succeeded,) * places
    if len(seen.said) != WORD_BYTES:
        raise Unavailable("chain_unavailable", "the node does not say who was paid", where=seen.hash,
                          remedy="ask a node that keeps logs: rpc in the wallets' file")  # fmt: skip
    bits = int.from_bytes(seen.said, "big")
    return tuple(bool(bits >> (places - 1 - place) & 1) for place in range(places))


def ended(transfer: Transfer) -> Outcome | None:
    """What is told of a transfer from which nothing more comes; None while something may."""
    match transfer.state:
        case TransferState.FINAL:
            return Published(receipt(transfer))
        case TransferState.REVERTED:
            return Rejected("the chain reverted it")
        case TransferState.FOREIGN:
            return Unknown("the vault signed it under another nonce, or its nonce was used by somebody else")
        case TransferState.RESERVED | TransferState.FREE | TransferState.SENT | TransferState.MINED:
            return None


def receipt(transfer: Transfer) -> dict[str, object]:
    """What the network said, for the performance. Amounts in wei are strings: no integer of JSON holds them."""
    return {
        "network": transfer.chain,
        "hash": transfer.mined_hash,
        "nonce": transfer.nonce,
        "block": transfer.block,
        "place": transfer.place,
        "places": transfer.places,
        "fee_wei": transfer.paid_wei,
        "saved_wei": str(int(transfer.naive_wei) - int(transfer.paid_wei)),
        "consents": [f"{one.role}:{one.key_id}" for one in transfer.consents],
    }
