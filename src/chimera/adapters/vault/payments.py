"""The vault's judgement of payments on chains: sealed by itself, within its own rules and counts, under two keys.

Builds what it signs from the granted bytes. Knows no node and no database; the keys of wallets never leave it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from chimera.adapters.vault import keys, transactions
from chimera.adapters.vault.coins import CoinKey
from chimera.adapters.vault.journal import AUTHORIZATION, Entry, Journal
from chimera.domain import wallets
from chimera.domain.address import look_alike
from chimera.domain.errors import ChimeraError, Invalid, Refused
from chimera.domain.grant import GRANT_SECONDS_MAX, Grant
from chimera.domain.wallets import NATIVE, NETWORKS, ChainRules, Consent, Payment, Token, WalletRules
from chimera.governance.sealing import SealVerifier
from chimera.ports.wallet import Evidence, Item, Postage, SignedAuthorization, SignedShipment, SignedTransfer

CFO, SECOND, HUMAN = "cfo", "second", "human"


class Trusted(Struct, frozen=True, kw_only=True):
    """A key whose consent counts, and as whose."""

    role: str
    key: Ed25519PublicKey


class Payments:
    """One vault's word on payments. The first signs with the wallet's key, the second only says that it agrees."""

    def __init__(
        self, *, rules: WalletRules, policy_digest: Callable[[], str], seals: SealVerifier,
        coins: Mapping[str, CoinKey], consent_key: Ed25519PrivateKey, trusted: Mapping[str, Trusted], journal: Journal,
        halted: Callable[[], frozenset[str]],
    ) -> None:  # fmt: skip
        self._rules = rules
        self._policy_digest = policy_digest
        self._seals = seals
        self._coins = dict(coins)
        self._consent_key = consent_key
        self._trusted = dict(trusted)
        self._journal = journal
        self._halted = halted

    @property
    def addresses(self) -> dict[str, str]:
        """The wallets' names and addresses."""
        return {name: coin.address for name, coin in self._coins.items()}

    def address(self, wallet: str) -> str:
        """Where a wallet is paid."""
        return self._coin(wallet).address

    def consent(self, evidence: Evidence, *, now_us: int) -> Consent:
        """The second key's signature under a payment that it has judged by itself, and counted."""
        payment = self._judged(evidence, now_us)
        self._admit([evidence.grant], [payment], AUTHORIZATION, now_us)
        return self._signed_consent(SECOND, evidence.grant)

    def transfer(
        self, evidence: Evidence, postage: Postage, consents: tuple[Consent, ...], *, now_us: int
    ) -> SignedTransfer:
        """A transaction. For a grant that was signed for before, the same nonce and only other postage."""
        with self._told_if_signed([evidence.grant]):
            payment = self._judged(evidence, now_us)
            rules = self._rules.of(payment.chain)
            _require_postage(postage, rules)
            both = self._agreed(evidence.grant, consents, rules, now_us)
        coin = self._coin(payment.wallet)
        self._admit([evidence.grant], [payment], postage.nonce, now_us)
        digest, raw = transactions.signed_transaction(
            payment, postage, chain_id=NETWORKS[payment.chain].chain_id, token=_token(payment, rules), sign=coin.sign
        )
        return SignedTransfer(hash=digest, raw=raw, consents=both)

    def shipment(self, items: Sequence[Item], postage: Postage, *, now_us: int) -> SignedShipment:
        """One transaction for several payments: each judged by itself, agreed to by two keys, all counted or none."""
        grants = [one.evidence.grant for one in items]
        with self._told_if_signed(grants):
            payments = [self._judged(one.evidence, now_us) for one in items]
            rules = _require_together(payments, grants, self._rules)
            _require_postage(postage, rules, places=len(items))
            _require_gas(items, rules)
            agreed = tuple(self._agreed(one.evidence.grant, one.consents, rules, now_us) for one in items)
        coin = self._coin(payments[0].wallet)
        self._admit(grants, payments, postage.nonce, now_us)
        digest, raw = transactions.signed_shipment(
            [(payment, one.gas) for payment, one in zip(payments, items, strict=True)], postage, payer=coin.address,
            drawing=transactions.drawing_nonce([one.id for one in grants]), token=_token(payments[0], rules),
            chain_id=NETWORKS[payments[0].chain].chain_id, sign=coin.sign,
        )  # fmt: skip
        return SignedShipment(hash=digest, raw=raw, consents=agreed)

    def authorization(self, evidence: Evidence, consents: tuple[Consent, ...], *, now_us: int) -> SignedAuthorization:
        """A word that a facilitator brings to the chain: valid as long as the grant, once."""
        payment = self._judged(evidence, now_us)
        rules = self._rules.of(payment.chain)
        token = _token(payment, rules)
        if token is None:
            raise Refused(
                "vault_asset",
                "only a token can be moved by authorization",
                where=evidence.grant.id,
                remedy="pay with a token",
            )
        both = self._agreed(evidence.grant, consents, rules, now_us)
        coin = self._coin(payment.wallet)
        self._admit([evidence.grant], [payment], AUTHORIZATION, now_us)
        nonce, before = transactions.authorization_nonce(evidence.grant.id), _valid_before(evidence.grant)
        signature = transactions.signed_authorization(
            payment, payer=coin.address, nonce=nonce, after=0, before=before,
            chain_id=NETWORKS[payment.chain].chain_id, token=token, sign=coin.sign,
        )  # fmt: skip
        return SignedAuthorization(
            payer=coin.address, recipient=payment.recipient, value=str(payment.units), valid_after=0,
            valid_before=before, nonce="0x" + nonce.hex(), signature=signature, consents=both,
        )  # fmt: skip

    # ── may it be paid? ─────────────────────────────────────────────────────────────────────────────────────────────

    def _judged(self, evidence: Evidence, now_us: int) -> Payment:
        grant = evidence.grant
        self._seals.require_sealed(grant, evidence.seal, evidence.batch)
        payment = _payment_of(grant)
        rules = self._rules.of(payment.chain)
        self._require_terms(grant, now_us)
        _require_recipient(payment, rules, grant.id)
        _require_amount(payment, rules, grant.id)
        return payment

    def _require_terms(self, grant: Grant, now_us: int) -> None:
        """What stands in the terms; a payment that is under way may be carried on after its grant's time."""
        scopes_of = grant.action.scopes(agent_id=grant.terms.agent_id, campaign_id=grant.terms.campaign_id)
        if met := self._halted().intersection(scopes_of):
            raise Refused("halted", f"{min(met)} is halted", where=grant.id, remedy="chimera resume")
        if self._journal.of(grant.id):
            return
        if grant.terms.policy_digest != self._policy_digest():
            raise Refused("vault_policy_differs", "the grant was decided under another policy than the vault's",
                          where=grant.id, remedy="apply the policy to the vault as well")  # fmt: skip
        if not 0 < grant.terms.expires_at_us - now_us <= (GRANT_SECONDS_MAX + 30) * 1_000_000:
            raise Refused(
                "vault_expiry",
                "the grant's time is over, or too far away",
                where=grant.id,
                remedy="the gate is asked again by itself",
            )

    @contextmanager
    def _told_if_signed(self, grants: Sequence[Grant]) -> Generator[None]:
        """Whether it was signed before is what the wallet has to know of a no: then its nonce is not free."""
        try:
            yield
        except ChimeraError as error:
            if any((known := self._journal.of(one.id)) and known.nonce >= 0 for one in grants):
                raise Refused("vault_signed_before", f"it was signed before, and is not again: {error.message}",
                              where=error.where, remedy=error.remedy) from error  # fmt: skip
            raise

    def _agreed(
        self, grant: Grant, consents: tuple[Consent, ...], rules: ChainRules, now_us: int
    ) -> tuple[Consent, ...]:
        """The CFO's key, which is here, and one that is not: a second vault's, or a person's above a limit."""
        good = [one for one in consents if self._is_good(one, grant, now_us)]
        roles = {one.role for one in good}
        if grant.terms.cost_micros > rules.human_over_micros and HUMAN not in roles:
            raise Refused("vault_person_needed", "above this amount a person signs", where=grant.id,
                          remedy="chimera vault consent, with the key of a person that the vault trusts")  # fmt: skip
        if not roles & {SECOND, HUMAN}:
            raise Refused("vault_second_key_missing", "a payment on a chain needs a second key", where=grant.id,
                          remedy="start the second vault, or let a person sign")  # fmt: skip
        return (self._signed_consent(CFO, grant), *good)

    def _is_good(self, consent: Consent, grant: Grant, now_us: int) -> bool:
        trusted = self._trusted.get(consent.key_id)
        if trusted is None or trusted.role != consent.role or _is_over(consent, now_us):
            return False
        signed = wallets.consent_bytes(consent.role, grant.terms, expires_at_us=consent.expires_at_us)
        try:
            trusted.key.verify(bytes.fromhex(consent.signature), signed)
        except (InvalidSignature, ValueError):
            return False
        return True

    def _signed_consent(self, role: str, grant: Grant) -> Consent:
        signature = self._consent_key.sign(wallets.consent_bytes(role, grant.terms)).hex()
        return Consent(role=role, key_id=keys.name_of(self._consent_key.public_key()), signature=signature)

    def _admit(self, grants: Sequence[Grant], payments: Sequence[Payment], nonce: int, now_us: int) -> None:
        """Within the day's cap with the sum of what is new, then written down: all of one transaction, or none."""
        chain = payments[0].chain
        new = [(grant, payment) for grant, payment in zip(grants, payments, strict=True)
               if self._journal.of(grant.id) is None]  # fmt: skip
        spent, cap = self._journal.spent_micros(chain, at_us=now_us), self._rules.of(chain).cap_micros_day
        if new and spent + sum(payment.cost_micros for _, payment in new) > cap:
            raise Refused("vault_over_cap", f"{spent} micros paid on {chain} today, of {cap}",
                          where=new[0][0].id, remedy="wait for tomorrow, or raise cap_micros_day")  # fmt: skip
        self._journal.admit(*(
            Entry(grant=grant.id, chain=payment.chain, wallet=payment.wallet, nonce=nonce, micros=payment.cost_micros,
                  at_us=now_us, place=place, places=len(grants))
            for place, (grant, payment) in enumerate(zip(grants, payments, strict=True))
        ))  # fmt: skip

    def _coin(self, wallet: str) -> CoinKey:
        coin = self._coins.get(wallet)
        if coin is None:
            raise Refused("vault_wallet_unknown", f"there is no wallet {wallet[:40]!r} here", where="vault",
                          remedy="chimera vault status names the wallets")  # fmt: skip
        return coin


def _payment_of(grant: Grant) -> Payment:
    if not wallets.is_on_chain(grant.action):
        raise Refused(
            "vault_no_payment",
            "this grant is not for a payment on a chain",
            where=grant.id,
            remedy="nothing to do: look at who asked",
        )
    payment = wallets.payment_of(grant.action)
    if (payment.chain, payment.cost_micros) != (grant.terms.platform, grant.terms.cost_micros):
        raise Refused(
            "grant_mismatch",
            "the terms are not those of the action",
            where=grant.id,
            remedy="nothing to do: look at the history",
        )
    return payment


def _require_recipient(payment: Payment, rules: ChainRules, grant_id: str) -> None:
    if payment.recipient in rules.recipients:
        return
    for known in rules.recipients:
        if look_alike(payment.recipient, known):
            raise Refused("address_look_alike", f"{payment.recipient} only looks like {known}", where=grant_id,
                          remedy="somebody wants it to be mistaken: look where it came from")  # fmt: skip
    raise Refused("recipient_not_listed", f"{payment.recipient} is not on the list of {payment.chain}", where=grant_id,
                  remedy="a person adds it to the wallets' file, and starts the vault anew")  # fmt: skip


def _require_amount(payment: Payment, rules: ChainRules, grant_id: str) -> None:
    """What leaves must be what was granted. For coins: at the highest price that people would believe."""
    if payment.asset != NATIVE:
        _token(payment, rules)
        return
    worth = wallets.coins_in_micros(payment.units, coin_micros=rules.coin_micros_max)
    if not rules.coin_micros_max or worth > payment.cost_micros:
        raise Refused("vault_amount", f"{payment.units} wei may be worth {worth}, of {payment.cost_micros} granted",
                      where=grant_id, remedy="grant more, or set coin_micros_max")  # fmt: skip


def _token(payment: Payment, rules: ChainRules) -> Token | None:
    if payment.asset == NATIVE:
        return None
    token = rules.tokens.get(payment.asset)
    if token is None:
        raise Invalid("asset_unknown", f"{payment.asset[:20]!r} is not a token of {payment.chain}", where="asset",
                      remedy="add it to the wallets' file")  # fmt: skip
    return token


def _require_postage(postage: Postage, rules: ChainRules, *, places: int = 1) -> None:
    """A transaction for several may cost as much as they might alone, and no more."""
    fee = wallets.coins_in_micros(postage.gas * postage.fee_wei, coin_micros=rules.coin_micros_max)
    if (
        not 0 <= postage.tip_wei <= postage.fee_wei <= rules.fee_wei_max
        or not 21_000 <= postage.gas <= places * rules.gas_max
        or fee > places * rules.fee_micros_max
        or postage.nonce < 0
    ):
        raise Refused("vault_fee_too_high", f"{postage.gas} gas at {postage.fee_wei} wei is too dear", where="vault",
                      remedy="wait until the chain is calmer, or raise fee_wei_max")  # fmt: skip


def _require_gas(items: Sequence[Item], rules: ChainRules) -> None:
    for one in items:
        if not 0 <= one.gas <= rules.gas_max:
            raise Refused("vault_fee_too_high", f"{one.gas} gas for one payment", where=one.evidence.grant.id,
                          remedy="raise gas_max, or send it alone")  # fmt: skip


def _require_together(payments: Sequence[Payment], grants: Sequence[Grant], rules: WalletRules) -> ChainRules:
    """By this vault's own rules: small, not urgent, of one wallet in one asset, and no grant twice."""
    alike = {(one.chain, one.wallet, one.asset) for one in payments}
    chain = rules.of(payments[0].chain) if payments else None
    if (
        chain is None
        or not 2 <= len(payments) <= chain.shared_max
        or len(alike) != 1
        or len({one.id for one in grants}) != len(grants)
        or not all(chain.shares(one) for one in payments)
    ):
        raise Refused("vault_not_together", f"these {len(payments)} payments may not go in one transaction",
                      where="vault", remedy="they go alone; shared_max in the wallets' file is the bound")  # fmt: skip
    return chain


def _is_over(consent: Consent, now_us: int) -> bool:
    """A person's word is for a time; a word without one is none. The second vault's is for its grant."""
    return consent.expires_at_us < now_us and (consent.role == HUMAN or consent.expires_at_us > 0)


def _valid_before(grant: Grant) -> int:
    return grant.terms.expires_at_us // 1_000_000
