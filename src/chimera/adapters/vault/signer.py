"""The vault's own judgement: whole leaves in, one signature out, or a refusal by its own policy hash, cap and halt.

Knows nothing of the database and believes nothing that the manager says about it. Keys never leave it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from chimera.adapters.vault import keys
from chimera.adapters.vault.count import Count, Spent
from chimera.domain import merkle, scopes
from chimera.domain.errors import Invalid, Refused
from chimera.domain.grant import GRANT_SECONDS_MAX, Terms
from chimera.domain.policy import PackFiles
from chimera.governance import wording
from chimera.governance.policy.ceiling import Ceiling
from chimera.governance.policy.engine import PolicyEngine
from chimera.governance.policy.pack import PolicyPack, pack_of
from chimera.governance.sealing import attested_bytes, signed_bytes
from chimera.ports.attestor import Attestation
from chimera.ports.sealer import SignedRoot

LEAVES_MAX = 4_096
STATEMENT_BYTES_MAX = 256 * 1024
SKEW_SECONDS_MAX = 30


def require_pack(files: PackFiles, *, digest: str) -> PolicyPack:
    """The pack that these files are, if it is the one that was named."""
    pack = pack_of(files)
    if pack.digest != digest:
        raise Invalid(
            "vault_pack_differs",
            "the pack is not the policy that was named",
            where=files.name,
            remedy="start it again: chimera up",
        )
    return pack


class Standing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the vault says about itself: no secret."""

    key_id: str
    policy_digest: str
    cap_micros_day: int
    spent: Spent
    halted: tuple[str, ...]
    public_keys: int = 0
    wallets: dict[str, str] = {}
    serves_since_us: int = 0


class VaultSigner:
    """One sealing key with its limits. `keep` makes the count durable before a signature is given."""

    def __init__(
        self,
        *,
        key: Ed25519PrivateKey,
        policy_digest: str,
        cap_micros_day: int,
        spent: Spent,
        keep: Callable[[Spent], None],
        policy: Ceiling | None = None,
        office: Ed25519PublicKey | None = None,
        cfo_key: Ed25519PrivateKey | None = None,
    ) -> None:
        self._key = key
        self._cfo_key = cfo_key
        self._policy_digest = policy_digest
        self._cap_micros_day = cap_micros_day
        self._count = Count(spent, cap_micros_day=cap_micros_day, keep=keep)
        self._policy = policy
        self._office = office
        self._halted: frozenset[str] = frozenset()
        self.key_id = keys.name_of(key.public_key())

    def halt(self, halted: Iterable[str]) -> None:
        """From now on nothing in these scopes is sealed."""
        self._halted = frozenset(halted)

    def govern(self, files: PackFiles, *, digest: str) -> None:
        """From now on only what was decided under this policy is sealed, and it is the one that is asked here."""
        if digest == self._policy_digest:
            return
        self._policy = Ceiling(PolicyEngine(require_pack(files, digest=digest)))
        self._policy_digest = digest

    @property
    def halted(self) -> frozenset[str]:
        """What is halted, as the office said last."""
        return self._halted

    @property
    def policy_digest(self) -> str:
        """The only policy under which grants are sealed now."""
        return self._policy_digest

    @property
    def standing(self) -> Standing:
        """What may be known of the vault."""
        return Standing(key_id=self.key_id, policy_digest=self._policy_digest, cap_micros_day=self._cap_micros_day,
                        spent=self._count.spent, halted=tuple(sorted(self._halted)))  # fmt: skip

    def close(self) -> None:
        """Write down what was sealed, before the process ends."""
        self._count.close()

    def replace_key(self, key: Ed25519PrivateKey) -> None:
        """Sign with another key from now on. What the old one signed is verified with its public half, as before."""
        self._key = key
        self.key_id = keys.name_of(key.public_key())

    def attest(self, statements: Sequence[bytes]) -> tuple[Attestation, ...]:
        """The CFO's signature under each word. Nothing is sealed by it; under a halt of the fleet it has no word."""
        if self._cfo_key is None:
            raise Refused(
                "vault_no_cfo_key",
                "this vault holds no key of a CFO",
                where="vault",
                remedy="start the vault with its folder",
            )
        if len(statements) > LEAVES_MAX or max(map(len, statements), default=0) > STATEMENT_BYTES_MAX:
            raise Refused(
                "vault_statement_size",
                "too many statements, or too long for a word on a payment",
                where="vault",
                remedy="nothing to do: this is a fault of ours",
            )
        if scopes.FLEET in self._halted:
            raise Refused("halted", "fleet is halted", where="vault", remedy="chimera resume")
        key, key_id = self._cfo_key, keys.name_of(self._cfo_key.public_key())
        return tuple(Attestation(signature=key.sign(attested_bytes(one)).hex(), key_id=key_id) for one in statements)

    def seal(self, leaves: Sequence[Terms], *, now_us: int) -> SignedRoot:
        """One signature for all leaves, or `Refused` for the first that may not be."""
        if not leaves or len(leaves) > LEAVES_MAX:
            raise Refused(
                "vault_batch_size",
                f"{len(leaves)} leaves; a batch has 1 to {LEAVES_MAX}",
                where="vault",
                remedy="nothing to do: this is a fault of ours",
            )
        for terms in leaves:
            self._require_sealable(terms, now_us)
        self._count.add(sum(terms.cost_micros for terms in leaves), now_us=now_us)
        root = merkle.root_of([terms.leaf for terms in leaves])
        return SignedRoot(
            root=root, signature=self._key.sign(signed_bytes(root, len(leaves))).hex(), key_id=self.key_id
        )

    def _require_sealable(self, terms: Terms, now_us: int) -> None:
        if terms.policy_digest != self._policy_digest:
            raise Refused(
                "vault_policy_differs",
                "the grant was decided under another policy than the vault's",
                where=terms.grant_id,
                remedy="apply the policy to the vault as well",
            )
        if terms.cost_micros < 0:
            raise Refused(
                "vault_amount",
                "the cost is negative",
                where=terms.grant_id,
                remedy="nothing to do: look at who granted it",
            )
        seconds_left = (terms.expires_at_us - now_us) / 1_000_000
        if not 0 < seconds_left <= GRANT_SECONDS_MAX + SKEW_SECONDS_MAX:
            raise Refused(
                "vault_expiry",
                f"the grant would be valid for {seconds_left:.0f} seconds",
                where=terms.grant_id,
                remedy="the gate is asked again by itself",
            )
        met = self._halted.intersection(
            (
                scopes.FLEET,
                scopes.campaign(terms.campaign_id),
                scopes.agent(terms.agent_id),
                scopes.platform(terms.platform),
            )
        )
        self._require_permitted(terms, now_us)
        if met:
            raise Refused("halted", f"{min(met)} is halted", where=terms.grant_id, remedy="chimera resume")

    def _require_permitted(self, terms: Terms, now_us: int) -> None:
        """The vault's own copy of the policy, asked with the best that a manager could claim; and persons' words."""
        words = wording.require_words(terms, self._office, now_us=now_us) if self._office else ()
        if self._policy is not None and not self._policy.permits(terms, words=words):
            raise Refused(
                "vault_policy_denies",
                f"the vault's policy never allows {terms.action_kind} for this amount on {len(words)} person's word",
                where=terms.grant_id,
                remedy="a person rules, or the policy is changed",
            )
