"""What is needed to pay on a chain: keys that sign and are never seen, and consents of others. For effects' side alone.

Whoever asks shows the sealed grant; whoever signs builds what it signs from that grant's bytes, and believes no more.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from chimera.domain.grant import Batch, Grant, Seal
from chimera.domain.wallets import Consent


class Evidence(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A grant with the proof that it was sealed."""

    grant: Grant
    seal: Seal
    batch: Batch


class Postage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a transaction has beside its payment: its place in the wallet's order, and what it offers for carriage."""

    nonce: int
    gas: int
    fee_wei: int
    tip_wei: int


class SignedTransfer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A transaction ready to be sent by anybody, with the consents that it stands on."""

    hash: str
    raw: str
    consents: tuple[Consent, ...]


class SignedShipment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A transaction that makes several payments, with the consents that each of them stands on, place by place."""

    hash: str
    raw: str
    consents: tuple[tuple[Consent, ...], ...]


class Item(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One payment of a shipment: its proof, who agrees to it, and how much gas its own part may use."""

    evidence: Evidence
    consents: tuple[Consent, ...]
    gas: int


class SignedAuthorization(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A token holder's word (EIP-3009) that somebody else brings to the chain. Its nonce derives from the grant."""

    payer: str
    recipient: str
    value: str
    valid_after: int
    valid_before: int
    nonce: str
    signature: str
    consents: tuple[Consent, ...]


class Keyholder(Protocol):
    """Signs payments. `Refused` by its own rules, `Unavailable` when it is gone."""

    async def address(self, wallet: str) -> str: ...

    async def sign_transfer(
        self, evidence: Evidence, postage: Postage, consents: tuple[Consent, ...]
    ) -> SignedTransfer: ...

    async def sign_shipment(self, items: tuple[Item, ...], postage: Postage) -> SignedShipment: ...

    async def sign_authorization(self, evidence: Evidence, consents: tuple[Consent, ...]) -> SignedAuthorization: ...


class Countersigner(Protocol):
    """The second key: looks at a payment by itself and signs that it agrees, or refuses."""

    async def consent(self, evidence: Evidence) -> Consent: ...
