"""Gets a payment signed: the grant with its proof from the store, the second key's consent, then the vault's signature.

Holds no key. Every signature is asked for again when postage changes; both vaults remember what they agreed to.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from chimera.domain.canonical import sha256_hex
from chimera.domain.grant import Batch, Grant, Seal, Terms
from chimera.domain.wallets import Consent
from chimera.ports.store import Store
from chimera.ports.wallet import (
    Countersigner,
    Evidence,
    Item,
    Keyholder,
    Postage,
    SignedAuthorization,
    SignedShipment,
    SignedTransfer,
)


class GivenConsents:
    """What people signed beforehand, one file for each payment, in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, terms: Terms) -> tuple[Consent, ...]:
        """Those for this payment. A file that cannot be read is no consent."""
        try:
            content = (self._folder / consent_file(terms.task_id, terms.action_digest)).read_bytes()
            return (msgspec.json.decode(content, type=Consent),)
        except (OSError, msgspec.DecodeError):
            return ()


def consent_file(task_id: str, action_digest: str) -> str:
    """The name of the file in which a person's consent to a task's exact bytes lies."""
    return sha256_hex(f"{task_id}:{action_digest}".encode()) + ".json"


class Signatory:
    """Reads as the effects role; speaks to both vaults."""

    def __init__(
        self, *, keys: Keyholder, second: Countersigner | None, store: Store, given: GivenConsents | None = None
    ) -> None:
        self._keys = keys
        self._second = second
        self._store = store
        self._given = given

    async def address(self, wallet: str) -> str:
        """Where a wallet is paid."""
        return await self._keys.address(wallet)

    async def evidence(self, grant_id: str) -> Evidence:
        """A grant with the proof that it was sealed."""
        seal = await self._store.get(Seal, grant_id)
        batch = await self._store.get(Batch, seal.batch_id)
        return Evidence(grant=await self._store.get(Grant, grant_id), seal=seal, batch=batch)

    async def consents(self, evidence: Evidence) -> tuple[Consent, ...]:
        """The keys beside the vault's that agree."""
        given = self._given.of(evidence.grant.terms) if self._given else ()
        return given if self._second is None else (await self._second.consent(evidence), *given)

    async def sign(self, evidence: Evidence, postage: Postage, consents: tuple[Consent, ...]) -> SignedTransfer:
        """A transaction."""
        return await self._keys.sign_transfer(evidence, postage, consents)

    async def sign_together(self, items: tuple[Item, ...], postage: Postage) -> SignedShipment:
        """One transaction for several payments."""
        return await self._keys.sign_shipment(items, postage)

    async def authorize(self, evidence: Evidence) -> SignedAuthorization:
        """A word that a facilitator brings to the chain."""
        return await self._keys.sign_authorization(evidence, await self.consents(evidence))
