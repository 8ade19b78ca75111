"""AWS KMS for the vault: wallets whose keys never leave the service, and a passphrase that only the service can open.

Sealing keys stay with the vault, encrypted under that passphrase: a seal must not cost a call over the network.
"""

# boto3 makes its classes when it runs and ships no types; what comes out of it is checked where it is used.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

import secrets
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from chimera.adapters.vault import coins, curve, keys
from chimera.domain.errors import Refused, Unavailable

# Both tries together stay below what a client waits for the vault.
CONNECT_SECONDS_MAX, READ_SECONDS_MAX = 1, 1
SECRET_BYTES = 32
WRAPPED = "passphrase.kms"


class KeyService:
    """One account's KMS. Whatever goes wrong is `Unavailable`, or `Refused` where the service says no."""

    def __init__(self, endpoint: str = "") -> None:
        config = Config(
            connect_timeout=CONNECT_SECONDS_MAX, read_timeout=READ_SECONDS_MAX, retries={"total_max_attempts": 2}
        )
        with _asking("kms"):
            self._client: Any = boto3.client("kms", endpoint_url=endpoint or None, config=config)

    def secret(self, folder: Path, key_id: str) -> bytes:
        """The vault's passphrase: made once, kept as KMS wrapped it, opened by KMS at every start."""
        path = folder / WRAPPED
        if not path.exists():
            secret = secrets.token_bytes(SECRET_BYTES)
            with _asking(key_id):
                wrapped = self._client.encrypt(KeyId=key_id, Plaintext=secret, EncryptionContext=_context())
            keys.write_private(path, bytes(wrapped["CiphertextBlob"]))
            return secret.hex().encode()
        with _asking(key_id):
            opened = self._client.decrypt(KeyId=key_id, CiphertextBlob=path.read_bytes(), EncryptionContext=_context())
        return bytes(opened["Plaintext"]).hex().encode()

    def coin(self, key_id: str) -> KmsCoinKey:
        """A wallet's key in the service."""
        with _asking(key_id):
            found = self._client.get_public_key(KeyId=key_id)
        return KmsCoinKey(self._client, key_id, coins.public_point(bytes(found["PublicKey"])))


class KmsCoinKey:
    """Implements `coins.CoinKey`: the service signs digests, and nobody has the key."""

    def __init__(self, client: Any, key_id: str, public: curve.Point) -> None:  # noqa: ANN401 – boto3 makes its classes.
        self._client = client
        self._key_id = key_id
        self._public = public
        self.address = curve.address_of(public)

    def sign(self, digest: bytes) -> tuple[int, int, int]:
        """Each time another signature, all of them good: a resent transaction is the stored one, not a new one."""
        with _asking(self._key_id):
            signed = self._client.sign(
                KeyId=self._key_id, Message=digest, MessageType="DIGEST", SigningAlgorithm="ECDSA_SHA_256"
            )
        r, s = decode_dss_signature(bytes(signed["Signature"]))
        return curve.finished(digest, r, s, public=self._public)


def _context() -> dict[str, str]:
    return {"chimera": "vault"}


@contextmanager
def _asking(key_id: str) -> Generator[None]:
    """The service's words stay with us: they may name an account. Its error code is told."""
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))[:80]
        raise Refused("kms_refused", f"the key service says no: {code}", where=key_id,
                      remedy="check the key's policy and its state") from None  # fmt: skip
    except (BotoCoreError, OSError, ValueError) as error:
        raise Unavailable("kms_unavailable", f"the key service does not answer: {type(error).__name__}", where=key_id,
                          remedy="check the region, the account and the network") from None  # fmt: skip
