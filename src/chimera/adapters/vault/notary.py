"""Signs where every chain stands. Keeps what it has signed, and signs no history that goes back behind it.

Knows nothing of the database: whoever asks may lie about the present, and can no longer lie about the past.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct

from chimera.adapters.vault import keys
from chimera.domain.checkpoint import BEGINNING, ChainHead, Statement, root_of
from chimera.domain.errors import Refused
from chimera.ports.notary import SignedStatement

HEADS_MAX = 10_000


class Standing(Struct, frozen=True, kw_only=True):
    """The last checkpoint that was signed, and the digest of the one before."""

    number: int = 0
    digest: str = BEGINNING
    before: str = BEGINNING
    heads: dict[str, tuple[int, str]] = {}


class Notary:
    """One key for checkpoints. `keep` makes what is signed durable before a signature is given."""

    def __init__(self, *, key: Ed25519PrivateKey, standing: Standing, keep: Callable[[Standing], None]) -> None:
        self._key = key
        self._standing = standing
        self._keep = keep
        self.key_id = keys.name_of(key.public_key())

    def sign(self, heads: Sequence[ChainHead], *, after: int, previous: str, now_us: int) -> SignedStatement:
        """The next checkpoint after the one that the database has, or `Refused` when history went backwards."""
        if not heads or len(heads) > HEADS_MAX or [one.writer for one in heads] != sorted({h.writer for h in heads}):
            raise Refused(
                "vault_heads_malformed",
                "the heads are none, too many, or not in order",
                where="vault",
                remedy="this is a fault of ours; report it",
            )
        self._require_follows(after, previous)
        self._require_grown({head.writer: head for head in heads})
        statement = Statement(number=after + 1, previous=previous, root=root_of(heads), chains=len(heads), at_us=now_us)
        standing = Standing(number=after + 1, digest=statement.digest, before=previous,
                            heads={head.writer: (head.seq, head.hash) for head in heads})  # fmt: skip
        self._keep(standing)
        self._standing = standing
        signature = self._key.sign(statement.signed_bytes).hex()
        return SignedStatement(statement=statement, signature=signature, key_id=self.key_id)

    def _require_follows(self, after: int, previous: str) -> None:
        """The database has the last one, or lost it before it was committed. A vault without a past believes it."""
        known: Mapping[int, str] = {self._standing.number: self._standing.digest}
        if self._standing.number:
            known = {**known, self._standing.number - 1: self._standing.before}
        elif after:
            known = {after: previous}
        if known.get(after) != previous:
            raise _rewound(f"checkpoint {self._standing.number} was signed, and the history ends at {after}")

    def _require_grown(self, heads: Mapping[str, ChainHead]) -> None:
        for writer, (seq, signed) in self._standing.heads.items():
            head = heads.get(writer)
            if head is None or head.seq < seq:
                raise _rewound(f"{writer} was signed up to {seq}, and ends at {head.seq if head else 0}")
            if head.seq == seq and head.hash != signed:
                raise _rewound(f"{writer} was signed at {seq} with another hash")


def _rewound(what: str) -> Refused:
    return Refused("vault_history_rewound", what, where="vault",
                   remedy="see docs/runbooks/chain-does-not-verify.md; after a restore, an owner says so")  # fmt: skip
