"""What the vault pays, and what it does not: each refusal by its name, by the vault's own rules, under two keys."""

from __future__ import annotations

import secrets
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from eth_account import Account
from msgspec.structs import replace

from chimera.adapters.vault import keys, persons
from chimera.adapters.vault.coins import LocalCoinKey
from chimera.adapters.vault.journal import Journal
from chimera.adapters.vault.payments import HUMAN, SECOND, Payments, Trusted
from chimera.domain import ids, merkle, scopes
from chimera.domain.action import Action
from chimera.domain.address import checksummed
from chimera.domain.durations import DAY_US, HOUR_US
from chimera.domain.errors import ChimeraError
from chimera.domain.grant import Batch, Grant, Seal, Terms
from chimera.domain.wallets import NATIVE, USDC, ChainRules, Consent, Token, WalletRules, consent_bytes
from chimera.governance.sealing import SealVerifier, signed_bytes
from chimera.ports.wallet import Evidence, Postage
from tests.chain_house import VENDOR, WALLET, a_chain_payment

pytestmark = pytest.mark.requirement("R-E4", "R-E6", "R-N1")

SEALING, SECOND_KEY, PERSON, STRANGER, CONSENT = (
    Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in range(1, 6)
)
POLICY = "p" * 64
TOKEN = Token(address="0x5FbDB2315678afecb367f032d93F642f64180aa3")
POSTAGE = Postage(nonce=0, gas=60_000, fee_wei=10**9, tip_wei=10**8)
RULES = ChainRules(rpc="http://127.0.0.1:1", recipients=(VENDOR,), tokens={USDC: TOKEN}, coin_micros_max=4_000_000_000,
                   cap_micros_day=100_000_000, human_over_micros=50_000_000)  # fmt: skip


def now_us() -> int:
    return time.time_ns() // 1_000


def evidence(action: Action, *, key: Ed25519PrivateKey = SEALING, **more: object) -> Evidence:
    """A grant for an action, sealed."""
    root = ids.build(at_us=now_us(), entropy=secrets.randbits(74))
    terms = replace(
        Terms(grant_id=root, task_id=root, campaign_id=root, agent_id=root, action_digest=action.digest,
              action_kind=action.kind, platform=action.platform, cost_micros=action.cost_micros,
              expires_at_us=now_us() + 600_000_000, policy_digest=POLICY),
        **more,
    )  # fmt: skip
    tree = merkle.levels_of([terms.leaf])
    signature = key.sign(signed_bytes(tree[-1][0], 1)).hex()
    batch = Batch(id=root, root=tree[-1][0], signature=signature, key_id=keys.name_of(SEALING.public_key()), count=1)
    grant = Grant(id=terms.grant_id, terms=terms, action=action, reasons=(), obligations=(), hold_id=None)
    path = merkle.paths_of(tree)[0]
    seal = Seal(id=grant.id, batch_id=batch.id, campaign_id=terms.campaign_id, path=path, not_before_us=0)
    return Evidence(grant=grant, seal=seal, batch=batch)


class Two:
    """Both vaults' words on payments, in this process."""

    def __init__(self, folder: Path, *, rules: ChainRules = RULES) -> None:
        self.halted: frozenset[str] = frozenset()
        self.coin = LocalCoinKey(folder / "coin", b"secret")
        trusted = {
            keys.name_of(SECOND_KEY.public_key()): Trusted(role=SECOND, key=SECOND_KEY.public_key()),
            keys.name_of(PERSON.public_key()): Trusted(role=HUMAN, key=PERSON.public_key()),
        }
        both = WalletRules(chains={"ethereum": rules, "polygon": rules})
        verifier = SealVerifier({keys.name_of(SEALING.public_key()): SEALING.public_key()})

        def made(name: str, key: Ed25519PrivateKey) -> Payments:
            coins = {WALLET: self.coin}
            return Payments(rules=both, policy_digest=lambda: POLICY, seals=verifier, coins=coins, consent_key=key,
                            trusted=trusted, journal=Journal(folder / name), halted=lambda: self.halted)  # fmt: skip

        self.first, self.second = made("first", CONSENT), made("second", SECOND_KEY)

    def pay(self, shown: Evidence, postage: Postage = POSTAGE, consents: tuple[Consent, ...] | None = None) -> str:
        given = (self.second.consent(shown, now_us=now_us()),) if consents is None else consents
        return self.first.transfer(shown, postage, given, now_us=now_us()).raw


@pytest.fixture
def two(tmp_path: Path) -> Two:
    return Two(tmp_path)


def refused(two: Two, shown: Evidence, postage: Postage = POSTAGE, consents: tuple[Consent, ...] | None = None) -> str:
    with pytest.raises(ChimeraError) as refusal:
        two.pay(shown, postage, consents)
    return refusal.value.code


def person(shown: Evidence, *, key: Ed25519PrivateKey = PERSON, at_us: int = 0) -> Consent:
    terms = shown.grant.terms
    return persons.consent(key, task_id=terms.task_id, action_digest=terms.action_digest, now_us=at_us or now_us())


def test_a_payment_is_signed_by_the_wallet_under_two_keys(two: Two) -> None:
    shown = evidence(a_chain_payment(4_500_000))
    consent = two.second.consent(shown, now_us=now_us())
    signed = two.first.transfer(shown, POSTAGE, (consent,), now_us=now_us())
    assert Account.recover_transaction(signed.raw) == two.coin.address
    cfo, second = signed.consents
    CONSENT.public_key().verify(bytes.fromhex(cfo.signature), consent_bytes("cfo", shown.grant.terms))
    SECOND_KEY.public_key().verify(bytes.fromhex(second.signature), consent_bytes("second", shown.grant.terms))


def test_again_means_the_same_nonce_and_only_other_postage(two: Two) -> None:
    shown = evidence(a_chain_payment())
    first = two.pay(shown)
    assert two.pay(shown) == first, "the same transaction"
    assert two.pay(shown, replace(POSTAGE, fee_wei=2 * 10**9)) != first, "a replacement"
    assert refused(two, shown, replace(POSTAGE, nonce=1)) == "vault_grant_has_nonce"
    assert refused(two, evidence(a_chain_payment())) == "vault_nonce_taken"


def test_a_payment_that_is_under_way_is_carried_on_after_its_grants_time(two: Two) -> None:
    shown = evidence(a_chain_payment())
    two.pay(shown)
    later = now_us() + HOUR_US
    consent = two.second.consent(shown, now_us=later)
    assert two.first.transfer(shown, replace(POSTAGE, fee_wei=2 * 10**9), (consent,), now_us=later).raw
    fresh = evidence(a_chain_payment())
    with pytest.raises(ChimeraError) as refusal:
        two.first.transfer(fresh, replace(POSTAGE, nonce=1), (), now_us=later)
    assert refusal.value.code == "vault_expiry"
    two.halted = frozenset({scopes.FLEET})
    assert refused(two, shown) == "halted"


def test_one_key_is_not_enough(two: Two) -> None:
    shown, other = evidence(a_chain_payment()), evidence(a_chain_payment(2))
    good = two.second.consent(shown, now_us=now_us())
    strangers = keys.name_of(STRANGER.public_key())
    signed = STRANGER.sign(consent_bytes(SECOND, shown.grant.terms)).hex()
    bad = {
        "none": (),
        "a stranger's": (Consent(role=SECOND, key_id=strangers, signature=signed),),
        "a stranger's in its name": (Consent(role=SECOND, key_id=good.key_id, signature=signed),),
        "another payment's": (two.second.consent(other, now_us=now_us()),),
        "in another role": (replace(good, role=HUMAN),),
        "the first vault's own": (replace(good, key_id=keys.name_of(CONSENT.public_key())),),
        "longer than it was": (replace(person(shown), expires_at_us=now_us() + 10**15),),
        "over": (person(shown, at_us=now_us() - 2 * DAY_US),),
        "without an end": (replace(person(shown), expires_at_us=0),),
        "no hex": (replace(good, signature="zz"),),
    }
    for name, consents in bad.items():
        assert refused(two, shown, consents=consents) == "vault_second_key_missing", name
    assert two.pay(shown, consents=(person(shown),)), "a person's will do"


def test_above_a_limit_a_person_signs(two: Two) -> None:
    shown = evidence(a_chain_payment(50_000_001))
    assert refused(two, shown) == "vault_person_needed"
    assert refused(two, shown, consents=(person(shown, key=STRANGER),)) == "vault_person_needed"
    assert two.pay(shown, consents=(person(shown),))


NOBODY = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
LOOK_ALIKE = f"0x3C44{'0' * 32}93BC"
REFUSALS = {
    "another policy": (lambda: evidence(a_chain_payment(), policy_digest="q" * 64), "vault_policy_differs"),
    "too late": (lambda: evidence(a_chain_payment(), expires_at_us=now_us() - 1), "vault_expiry"),
    "valid for a day": (lambda: evidence(a_chain_payment(), expires_at_us=now_us() + DAY_US), "vault_expiry"),
    "sealed by another": (lambda: evidence(a_chain_payment(), key=STRANGER), "seal_not_genuine"),
    "other bytes": (
        lambda: (e := evidence(a_chain_payment(5)), replace(e, grant=replace(e.grant, action=a_chain_payment(6))))[1],
        "grant_bytes_differ",
    ),
    "cheaper terms": (lambda: evidence(a_chain_payment(5), cost_micros=1), "grant_mismatch"),
    "another chain's terms": (lambda: evidence(a_chain_payment(5), platform="polygon"), "grant_mismatch"),
    "nobody's address": (
        lambda: evidence(a_chain_payment(recipient=NOBODY)), "recipient_not_listed",
    ),
    "a look-alike": (lambda: evidence(a_chain_payment(recipient=checksummed(LOOK_ALIKE[2:]))), "address_look_alike"),
    "a wrong checksum": (lambda: evidence(a_chain_payment(recipient=VENDOR.lower())), "address_checksum"),
    "another token": (lambda: evidence(a_chain_payment(asset="DAI")), "asset_unknown"),
    "more than was granted": (lambda: evidence(a_chain_payment(7, cost_micros=6)), "payment_differs"),
    "too many coins": (lambda: evidence(a_chain_payment(10**15, asset=NATIVE, cost_micros=3_999_999)), "vault_amount"),
    "beyond its cap": (lambda: evidence(a_chain_payment(100_000_001)), "vault_over_cap"),
    "no payment": (lambda: evidence(replace(a_chain_payment(), kind="post.publish")), "vault_no_payment"),
    "a house's platform": (lambda: evidence(replace(a_chain_payment(), platform="house")), "vault_no_payment"),
    "an unknown wallet": (lambda: evidence(replace(a_chain_payment(), account="attic")), "vault_wallet_unknown"),
}  # fmt: skip


@pytest.mark.parametrize("what", sorted(REFUSALS))
def test_what_is_not_paid(two: Two, what: str) -> None:
    make, code = REFUSALS[what]
    shown = make()
    consents = (person(shown),)
    assert refused(two, shown, consents=consents) == code
    if what != "an unknown wallet":
        with pytest.raises(ChimeraError) as second:
            two.second.consent(shown, now_us=now_us())
        assert second.value.code == code, "the second looks by itself"


@pytest.mark.parametrize(
    "postage",
    [
        replace(POSTAGE, fee_wei=RULES.fee_wei_max + 1), replace(POSTAGE, tip_wei=2 * 10**9),
        replace(POSTAGE, gas=20_999),
        replace(POSTAGE, gas=RULES.gas_max + 1), replace(POSTAGE, nonce=-1), replace(POSTAGE, tip_wei=-1),
        replace(POSTAGE, gas=200_000, fee_wei=190 * 10**9),
    ],
)  # fmt: skip
def test_carriage_that_is_too_dear(two: Two, postage: Postage) -> None:
    assert refused(two, evidence(a_chain_payment()), postage) == "vault_fee_too_high"


def test_coins_must_fit_the_grant_at_the_highest_price(two: Two, tmp_path: Path) -> None:
    assert two.pay(evidence(a_chain_payment(10**15, asset=NATIVE, cost_micros=4_000_000)))
    poor = tmp_path / "poor"
    poor.mkdir()
    without = Two(poor, rules=replace(RULES, coin_micros_max=0))
    assert refused(without, evidence(a_chain_payment(1, asset=NATIVE, cost_micros=4_000_000))) == "vault_amount"


def test_the_day_is_counted_over_a_restart_and_each_payment_once(two: Two, tmp_path: Path) -> None:
    shown = evidence(a_chain_payment(40_000_000))
    for _ in range(5):
        two.pay(shown)
    again = Two(tmp_path)
    again.pay(evidence(a_chain_payment(40_000_000)), replace(POSTAGE, nonce=1))
    assert refused(again, evidence(a_chain_payment(40_000_000)), replace(POSTAGE, nonce=2)) == "vault_over_cap"


def test_what_is_refused_is_not_counted(two: Two) -> None:
    for _ in range(5):
        shown = evidence(a_chain_payment(40_000_000))
        assert refused(two, shown, replace(POSTAGE, gas=1), (person(shown),)) == "vault_fee_too_high"
        assert refused(two, shown, consents=()) == "vault_second_key_missing"
    assert two.pay(evidence(a_chain_payment(40_000_000)))


def test_an_authorization_has_the_grants_nonce_and_time(two: Two) -> None:
    shown = evidence(a_chain_payment(5))
    first, again = (two.first.authorization(shown, (person(shown),), now_us=now_us()) for _ in range(2))
    assert (first.nonce, first.signature) == (again.nonce, again.signature)
    assert first.valid_before == shown.grant.terms.expires_at_us // 1_000_000
    assert refused(two, shown) == "vault_grant_has_nonce", "what was authorised is not also sent"
    other = evidence(a_chain_payment(5))
    assert two.first.authorization(other, (person(other),), now_us=now_us()).nonce != first.nonce
