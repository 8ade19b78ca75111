"""What the vault of a home leaves for others to read: the key of its checkpoints, and how many it has signed."""

from __future__ import annotations

from pathlib import Path

import msgspec

from chimera.adapters.vault import keys
from chimera.adapters.vault.notary import Standing


def checkpoint_keys(home: Path) -> dict[str, str]:
    """The public keys of this home's checkpoints by name, in hex; none before its vault was first started."""
    path = home / "vault" / "checkpoint.pub"
    if not path.exists():
        return {}
    public = keys.public_key(path)
    return {keys.name_of(public): public.public_bytes_raw().hex()}


def signed_last(home: Path) -> int:
    """The number of the last checkpoint that the vault of this home says it signed."""
    path = home / "vault" / "checkpoints.json"
    return msgspec.json.decode(path.read_bytes(), type=Standing).number if path.exists() else 0
