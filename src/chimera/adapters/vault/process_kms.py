"""`python -m chimera.adapters.vault.process_kms`: the vault's process with AWS KMS. Loaded where that is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from chimera.adapters.vault.coins import CoinKey
from chimera.adapters.vault.kms import KeyService
from chimera.adapters.vault.process import Begin, local_coins, main


def secret_of(folder: Path, begin: Begin) -> bytes:
    """The passphrase that KMS opens."""
    return KeyService(begin.kms_endpoint).secret(folder, begin.kms_key)


def coins_of(folder: Path, begin: Begin, secret: bytes) -> Mapping[str, CoinKey]:
    """Wallets in the folder, and those in the service."""
    assert begin.rules is not None, "asked only where there are rules"
    service = KeyService(begin.kms_endpoint)
    return {**local_coins(folder, begin, secret), **{name: service.coin(key) for name, key in begin.rules.kms.items()}}


if __name__ == "__main__":
    main(secret_of=secret_of, coins_of=coins_of)
