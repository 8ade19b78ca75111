"""What several payments in one transaction bear of its fee, and the code that makes them: by property."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from chimera.domain.programs import Drawn, Place, pay_coins, pay_tokens
from chimera.domain.transfer import shares, transfer_id
from chimera.domain.wallets import NATIVE, ChainRules, Payment

pytestmark = pytest.mark.requirement("R-E6")

PLACES = st.lists(
    st.builds(Place, recipient=st.binary(min_size=20, max_size=20), units=st.integers(1, 10**24),
              gas=st.integers(0, 200_000)),
    min_size=2, max_size=32,
)  # fmt: skip
DRAWN = st.builds(Drawn, token=st.binary(min_size=20, max_size=20), before=st.integers(1, 2**64 - 1),
                  nonce=st.binary(min_size=32, max_size=32), v=st.sampled_from([27, 28]),
                  r=st.integers(1, 2**256 - 1), s=st.integers(1, 2**255))  # fmt: skip


@given(whole=st.integers(0, 10**24), paid=st.lists(st.booleans(), min_size=1, max_size=32))
def test_the_parts_of_a_fee_are_the_whole(whole: int, paid: list[bool]) -> None:
    parts = shares(whole, paid=paid)
    assert sum(parts) == whole
    bearing = [part for part, one in zip(parts, paid, strict=True) if one] or list(parts)
    assert max(bearing) - min(bearing) <= 1, "alike, to the last wei"
    if any(paid):
        assert all(part == 0 for part, one in zip(parts, paid, strict=True) if not one), "who got nothing bears nothing"


@given(nonce=st.integers(0, 2**40), places=st.sets(st.integers(0, 31), min_size=2))
def test_each_place_has_an_id_and_the_first_has_the_nonces(nonce: int, places: set[int]) -> None:
    found = {transfer_id(chain="polygon", wallet="treasury", nonce=nonce, place=place) for place in places}
    assert len(found) == len(places)
    alone = transfer_id(chain="polygon", wallet="treasury", nonce=nonce)
    assert alone == transfer_id(chain="polygon", wallet="treasury", nonce=nonce, place=0)


def read(code: bytes) -> list[tuple[int, int]]:
    """A second reading: each operation with what it pushes, as the yellow paper has them."""
    found, at = [], 0
    while at < len(code):
        width = code[at] - 0x5F if 0x5F <= code[at] <= 0x7F else 0
        found.append((code[at], int.from_bytes(code[at + 1 : at + 1 + width], "big")))
        at += 1 + width
    return found


def calls(code: bytes) -> list[list[int]]:
    """What was pushed since the call before, for every call."""
    found: list[list[int]] = [[]]
    for operation, pushed in read(code):
        if 0x5F <= operation <= 0x7F:
            found[-1].append(pushed)
        elif operation == 0xF1:
            found.append([])
    return found[:-1]


@settings(deadline=None)
@given(PLACES)
def test_the_code_for_coins_calls_each_recipient_once_with_its_amount(places: list[Place]) -> None:
    made = calls(pay_coins(places))
    assert len(made) == len(places) + 1, "each place, and what goes back"
    for one, pushed in zip(places, made, strict=False):
        assert pushed[-3:] == [one.units, int.from_bytes(one.recipient, "big"), one.gas]


@settings(deadline=None)
@given(PLACES, DRAWN)
def test_the_code_for_tokens_draws_the_sum_and_moves_each_amount(places: list[Place], drawn: Drawn) -> None:
    made = calls(pay_tokens(places, drawn))
    assert len(made) == len(places) + 2, "the drawing, each place, and what goes back"
    assert sum(one.units for one in places) in made[0]
    assert int.from_bytes(drawn.nonce, "big") in made[0]
    for one, pushed in zip(places, made[1:], strict=False):
        assert {int.from_bytes(one.recipient, "big"), one.units} <= set(pushed)
        assert pushed[-1] == one.gas


@settings(deadline=None)
@given(PLACES, DRAWN)
def test_every_jump_ends_at_a_place_to_jump_to(places: list[Place], drawn: Drawn) -> None:
    for code in (pay_coins(places), pay_tokens(places, drawn)):
        at, before, targets, marks = 0, 0, set[int](), set[int]()
        for operation, pushed in read(code):
            if operation == 0x57:
                targets.add(before)
            if operation == 0x5B:
                marks.add(at)
            at, before = at + 1 + (operation - 0x5F if 0x5F <= operation <= 0x7F else 0), pushed
        assert targets == marks, "no jump leads anywhere else"


RULES = ChainRules(rpc="http://127.0.0.1:1", recipients=(), shared_max=8, shared_micros_max=5_000_000)
SMALL = Payment(chain="polygon", wallet="treasury", recipient="0x1", asset=NATIVE, units=1, cost_micros=5_000_000)


def test_what_may_share_a_transaction() -> None:
    assert RULES.shares(SMALL)
    assert not RULES.shares(replace(SMALL, cost_micros=5_000_001)), "not small"
    assert not RULES.shares(replace(SMALL, is_urgent=True))
    assert not RULES.shares(replace(SMALL, url="https://api.example.com")), "bought by another way"
    assert not replace(RULES, shared_max=1).shares(SMALL), "off unless it is asked for"
    assert not ChainRules(rpc="http://127.0.0.1:1", recipients=()).shares(SMALL), "off as it comes"
