"""What has to stand behind the end of records: a checkpoint that our vault signed. Drops nothing."""

from __future__ import annotations

from collections.abc import Mapping

from chimera.domain.checkpoint import Checkpoint
from chimera.domain.errors import Refused
from chimera.governance.audit import is_signed


def require_anchor(checkpoint: Checkpoint | None, *, before_us: int, keys: Mapping[str, str]) -> Checkpoint:
    """The checkpoint, if it is signed by this installation's vault and later than everything that is to go."""
    if checkpoint is None:
        raise _unanchored("there is no checkpoint")
    if not is_signed(checkpoint, keys):
        raise _unanchored(f"checkpoint {checkpoint.statement.number} is not signed by this installation's vault")
    if checkpoint.statement.at_us < before_us:
        raise _unanchored(f"checkpoint {checkpoint.statement.number} is older than what is to go")
    return checkpoint


def _unanchored(why: str) -> Refused:
    return Refused("retention_unanchored", f"nothing is dropped: {why}", where="checkpoint",
                   remedy="let the vault sign where every chain stands first")  # fmt: skip
