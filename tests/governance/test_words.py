"""A person's signed word: good for one task's bytes, in one name, until its end."""

from __future__ import annotations

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chimera.adapters.vault.count import Spent
from chimera.adapters.vault.signer import VaultSigner
from chimera.domain.errors import Refused
from chimera.domain.grant import Terms
from chimera.governance import wording
from chimera.governance.policy.ceiling import Ceiling
from chimera.governance.policy.engine import PolicyEngine
from chimera.governance.wording import Word
from tests.adapters.vault.test_server import terms
from tests.small_house import PACK

pytestmark = pytest.mark.requirement("R-D8", "R-F2")
OFFICE, OTHER = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))
OLGA = Word(person="p-olga", name="olga", role="owner", risk="ordinary", until_us=100)


def claimed(word: Word = OLGA, *, key: Ed25519PrivateKey = OFFICE, approver: str = "olga", **claims: object) -> Terms:
    """A payment over the limit, with this word."""
    made = terms(**{"policy_digest": PACK.digest, "action_kind": "payment.send", "cost_micros": 60_000_000, **claims})
    said = wording.given(key.sign, word, task_id=made.task_id, digest=made.action_digest)
    return msgspec.structs.replace(made, approver=approver, word=said)


def test_a_good_word_says_who_said_it() -> None:
    assert wording.require_words(claimed(), OFFICE.public_key(), now_us=99) == (OLGA,)


@pytest.mark.parametrize("made", [
    claimed(key=OTHER), claimed(approver="rita"), claimed(msgspec.structs.replace(OLGA, role="viewer")),
    claimed(msgspec.structs.replace(OLGA, until_us=99)),
    msgspec.structs.replace(claimed(), action_digest="1" * 64), msgspec.structs.replace(claimed(), word=""),
])  # fmt: skip
def test_any_other_is_none(made: Terms) -> None:
    with pytest.raises(Refused, match=r"word|signed"):
        wording.require_words(made, OFFICE.public_key(), now_us=99)


def test_the_vaults_core_asks_for_the_word_and_its_own_policy() -> None:
    core = VaultSigner(
        key=OTHER, policy_digest=PACK.digest, cap_micros_day=10**12, spent=Spent(day=0, micros=0),
        keep=lambda _: None, policy=Ceiling(PolicyEngine(PACK)), office=OFFICE.public_key(),
    )  # fmt: skip
    bare = msgspec.structs.replace(claimed(), approver="", word="")
    now_us = bare.expires_at_us - 1_000_000
    with pytest.raises(Refused, match="never allows"):
        core.seal([bare], now_us=now_us)
    good = claimed(msgspec.structs.replace(OLGA, until_us=bare.expires_at_us))
    assert core.seal([good], now_us=now_us).signature
