"""Verifies that a grant is exactly what the vault sealed. Holds public keys only; cannot seal."""

from __future__ import annotations

from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from chimera.domain import merkle
from chimera.domain.errors import Refused
from chimera.domain.grant import Batch, Grant, Seal

DOMAIN = b"chimera.grants.v1\x00"
CFO_DOMAIN = b"chimera.cfo.v1\x00"


def signed_bytes(root: str, count: int) -> bytes:
    """What the vault signs: the root and the number of leaves, under a name of our own."""
    return DOMAIN + bytes.fromhex(root) + count.to_bytes(4, "big")


def attested_bytes(statement: bytes) -> bytes:
    """What the CFO's key signs: a statement of its own kind, that can never be taken for a seal."""
    return CFO_DOMAIN + statement


def is_attested(statement: bytes, signature: str, key: Ed25519PublicKey) -> bool:
    """Whether the CFO's key signed this word."""
    try:
        key.verify(bytes.fromhex(signature), attested_bytes(statement))
    except (InvalidSignature, ValueError):
        return False
    return True


class SealVerifier:
    """Checks row, path and signature. Everything that does not fit is refused by name."""

    def __init__(self, keys: Mapping[str, Ed25519PublicKey]) -> None:
        # Kept as it is given: a rotation is seen by whoever gave it.
        self._keys = keys
        self._signed: set[tuple[str, str, str, int]] = set()

    def require_sealed(self, grant: Grant, seal: Seal, batch: Batch) -> None:
        """The grant's bytes, its leaf, its path and its batch's signature all fit together, or `Refused`."""
        if grant.action.digest != grant.terms.action_digest:
            raise Refused(
                "grant_bytes_differ",
                "the action's bytes are not those that were granted",
                where=grant.id,
                remedy="nothing to do: somebody changed it; look at the history",
            )
        if not grant.id == grant.terms.grant_id == seal.id or seal.batch_id != batch.id:
            raise Refused(
                "grant_mismatch",
                "grant, seal and batch do not belong together",
                where=grant.id,
                remedy="nothing to do: look at the history",
            )
        if merkle.climb(grant.terms.leaf, seal.path) != batch.root:
            raise Refused(
                "grant_not_in_batch",
                "the path does not lead to the sealed root",
                where=grant.id,
                remedy="nothing to do: look at the history",
            )
        self._require_signature(batch)

    def _require_signature(self, batch: Batch) -> None:
        known = (batch.root, batch.signature, batch.key_id, batch.count)
        if known in self._signed:
            return
        key = self._keys.get(batch.key_id)
        if key is None:
            raise Refused(
                "seal_key_unknown",
                f"no public key {batch.key_id!r} is trusted",
                where=batch.id,
                remedy="nothing to do: look at the vault",
            )
        try:
            key.verify(bytes.fromhex(batch.signature), signed_bytes(batch.root, batch.count))
        except (InvalidSignature, ValueError) as error:
            raise Refused(
                "seal_not_genuine",
                "the signature is not the vault's",
                where=batch.id,
                remedy="nothing to do: look at the history",
            ) from error
        if len(self._signed) > 4096:
            self._signed.clear()
        self._signed.add(known)
