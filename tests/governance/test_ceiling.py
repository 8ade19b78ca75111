"""What the vault's own copy of the policy allows at best: by whose word, and by how many persons'."""

from __future__ import annotations

import msgspec
import pytest

from chimera.adapters.documents.governance import DEFAULT_PACK, load_files
from chimera.domain.action import TAKE_DOWN
from chimera.governance.policy.ceiling import Ceiling
from chimera.governance.policy.engine import PolicyEngine
from chimera.governance.policy.pack import pack_of
from chimera.governance.wording import Word
from tests.adapters.vault.test_server import terms
from tests.small_house import PACK

pytestmark = pytest.mark.requirement("R-D8", "R-F2")
TWO_FOR = ("legal", "payment.send")
BANDS = msgspec.json.encode(msgspec.structs.replace(PACK.bands, two_persons=TWO_FOR)).decode()
CEILING = Ceiling(PolicyEngine(pack_of(msgspec.structs.replace(load_files(DEFAULT_PACK), bands=BANDS))))


def word(person: str, role: str = "owner", risk: str = "ordinary") -> Word:
    return Word(person=person, name=person, role=role, risk=risk, until_us=1)


@pytest.mark.parametrize(("words", "permitted"), [
    ((), False),
    ((word("olga"),), False),
    ((word("olga"), word("olga")), False),
    ((word("olga"), word("rita")), True),
    ((word("olga"), word("rob", "reviewer")), False),
])  # fmt: skip
def test_two_persons_for_a_kind_and_the_lower_role_counts(words: tuple[Word, ...], permitted: bool) -> None:
    paying = terms(action_kind="payment.send", platform="sandbox.pay", cost_micros=60_000_000)
    assert CEILING.permits(paying, words=words) is permitted


@pytest.mark.parametrize(("words", "permitted"), [
    ((word("olga"),), True),
    ((word("olga", risk="legal"),), False),
    ((word("olga", risk="legal"), word("rita")), True),
])  # fmt: skip
def test_two_persons_for_the_risk_that_one_of_them_was_shown(words: tuple[Word, ...], permitted: bool) -> None:
    taking_down = terms(action_kind=TAKE_DOWN, cost_micros=0)
    assert CEILING.permits(taking_down, words=words) is permitted
