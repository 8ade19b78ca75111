"""What is offered for carriage: never above the cap, never below the chain's minimum, and cheaper than without care."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from chimera.adapters.chain import fees
from chimera.adapters.chain.node import Weather
from chimera.domain.wallets import NETWORKS, ChainRules

pytestmark = pytest.mark.requirement("R-E6")
GWEI = 10**9
RULES = ChainRules(rpc="http://127.0.0.1:1", recipients=(), coin_micros_max=4_000_000_000)
CALM = Weather(
    base_wei=(10 * GWEI,) * 10, next_base_wei=10 * GWEI, tips_wei=(GWEI // 10,) * 10, advised_tip_wei=2 * GWEI
)
GAS = 65_000


def test_a_calm_day_is_cheaper_than_the_nodes_advice() -> None:
    made = fees.offer(CALM, gas=GAS, rules=RULES, network=NETWORKS["ethereum"])
    assert (made.tip_wei, made.naive_tip_wei) == (GWEI // 10, 2 * GWEI)
    assert made.fee_wei == 20 * GWEI + GWEI // 10, "the base fee may double"
    assert made.is_affordable
    assert not made.is_dear


def test_polygon_has_a_minimum_tip() -> None:
    made = fees.offer(CALM, gas=GAS, rules=RULES, network=NETWORKS["polygon"])
    assert made.tip_wei == 25 * GWEI


def test_a_spike_is_dear_and_beyond_the_cap_not_affordable() -> None:
    dear = replace(CALM, next_base_wei=16 * GWEI)
    made = fees.offer(dear, gas=GAS, rules=RULES, network=NETWORKS["ethereum"])
    assert made.is_dear
    assert made.is_affordable
    spike = replace(CALM, next_base_wei=201 * GWEI)
    assert not fees.offer(spike, gas=GAS, rules=RULES, network=NETWORKS["ethereum"]).is_affordable


@settings(deadline=None)
@given(
    base=st.integers(1, 10**13), tips=st.lists(st.integers(0, 10**12), max_size=10), advised=st.integers(0, 10**12),
    gas=st.integers(21_000, 200_000), chain=st.sampled_from(sorted(NETWORKS)),
)  # fmt: skip
def test_no_weather_brings_an_offer_that_the_vault_would_refuse(
    base: int, tips: list[int], advised: int, gas: int, chain: str
) -> None:
    weather = Weather(base_wei=(base,) * 3, next_base_wei=base, tips_wei=tuple(tips), advised_tip_wei=advised)
    made = fees.offer(weather, gas=gas, rules=RULES, network=NETWORKS[chain])
    cap = fees.cap_wei(RULES, gas)
    assert 0 < made.tip_wei <= made.fee_wei <= cap <= RULES.fee_wei_max
    assert gas * made.fee_wei * RULES.coin_micros_max // 10**18 <= RULES.fee_micros_max
    if made.is_affordable:
        assert made.fee_wei >= base + made.tip_wei
        assert made.tip_wei <= made.naive_tip_wei or made.tip_wei == 1


@settings(deadline=None)
@given(fee=st.integers(1, 10**12), tip=st.integers(1, 10**12))
def test_a_replacement_pays_a_tenth_more_in_both_or_is_none(fee: int, tip: int) -> None:
    fee = max(fee, tip)
    now = fees.offer(CALM, gas=GAS, rules=RULES, network=NETWORKS["ethereum"])
    raised = fees.replacement(fee, tip, now, gas=GAS, rules=RULES)
    if raised is None:
        assert fee * 9 // 8 + 1 > fees.cap_wei(RULES, GAS) or tip * 9 // 8 + 1 > fees.cap_wei(RULES, GAS)
    else:
        assert raised[0] * 10 >= fee * 11
        assert raised[1] * 10 >= tip * 11
        assert raised[0] <= fees.cap_wei(RULES, GAS)


def test_the_same_payment_on_another_chain() -> None:
    polygon = replace(RULES, coin_micros_max=500_000)
    ethereum = fees.carriage("ethereum", GAS, CALM, rules=RULES, network=NETWORKS["ethereum"])
    other = fees.carriage("polygon", GAS, CALM, rules=polygon, network=NETWORKS["polygon"])
    assert other.micros < ethereum.micros < ethereum.naive_micros
