"""What to offer for carriage: enough to be taken, no more than the cap; and what a careless wallet would have paid."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from msgspec import Struct

from chimera.adapters.chain.node import Weather
from chimera.domain.wallets import WHOLE_COIN, Carriage, ChainRules, Network, coins_in_micros

# A node takes a replacement that pays a tenth more in both; the twelfth's rounding has bitten others.
REPLACEMENT_NUMERATOR, REPLACEMENT_DENOMINATOR = 9, 8
DEAR_NUMERATOR, DEAR_DENOMINATOR = 3, 2
# One transaction for several token payments: what it uses before the first of them, and what each of them then needs
# less than alone. On anvil, with our token: 103,900 and 27,200. A token behind a proxy begins dearer.
SHARED_TOKEN_GAS, SPARED_TOKEN_GAS = 120_000, 27_000
SHARED_TOKEN_GAS_MAX, PLACE_GAS_MAX = 250_000, 5_000


class Offer(Struct, frozen=True, kw_only=True):
    """What is offered per gas, and the tip of a wallet that does as its node says."""

    fee_wei: int
    tip_wei: int
    naive_tip_wei: int
    is_affordable: bool
    is_dear: bool


def cap_wei(rules: ChainRules, gas: int, *, places: int = 1) -> int:
    """The most that may be offered for one gas: by the rules' fee, and by what the carriage of so many may cost."""
    if not rules.coin_micros_max:
        return rules.fee_wei_max
    return min(rules.fee_wei_max, places * rules.fee_micros_max * WHOLE_COIN // (rules.coin_micros_max * gas))


def shared_token_gas(alone: Sequence[int], own: Sequence[int]) -> tuple[int, int]:
    """What one transaction for several token payments should use, and what it may."""
    should = SHARED_TOKEN_GAS + sum(max(0, one - SPARED_TOKEN_GAS) for one in alone)
    return should, SHARED_TOKEN_GAS_MAX + sum(one + PLACE_GAS_MAX for one in own)


def offer(weather: Weather, *, gas: int, rules: ChainRules, network: Network, places: int = 1) -> Offer:
    """Room for the base fee to double, and a tip from the cheap end of what was enough lately."""
    cap = cap_wei(rules, gas, places=places)
    naive = max(weather.advised_tip_wei, network.tip_wei_min)
    enough = int(statistics.median(weather.tips_wei)) if weather.tips_wei else naive
    tip = max(min(enough, naive), network.tip_wei_min, 1)
    needed = weather.next_base_wei + tip
    usual = statistics.median(weather.base_wei) if weather.base_wei else weather.next_base_wei
    return Offer(
        fee_wei=min(2 * weather.next_base_wei + tip, cap),
        tip_wei=min(tip, cap),
        naive_tip_wei=naive,
        is_affordable=needed <= cap,
        is_dear=weather.next_base_wei * DEAR_DENOMINATOR > usual * DEAR_NUMERATOR,
    )


def replacement(
    fee_wei: int, tip_wei: int, now: Offer, *, gas: int, rules: ChainRules, places: int = 1
) -> tuple[int, int] | None:
    """What a stuck transaction's successor offers, or None where the cap leaves no room for one."""
    tip = max(_raised(tip_wei), now.tip_wei)
    fee = max(_raised(fee_wei), now.fee_wei, tip)
    return (fee, tip) if fee <= cap_wei(rules, gas, places=places) else None


def _raised(wei: int) -> int:
    return wei * REPLACEMENT_NUMERATOR // REPLACEMENT_DENOMINATOR + 1


def carriage(chain: str, gas: int, weather: Weather, *, rules: ChainRules, network: Network) -> Carriage:
    """At the price that the rules give a coin."""
    made = offer(weather, gas=gas, rules=rules, network=network)
    at = weather.next_base_wei
    return Carriage(
        chain=chain,
        micros=coins_in_micros(gas * (at + made.tip_wei), coin_micros=rules.coin_micros_max),
        naive_micros=coins_in_micros(gas * (at + made.naive_tip_wei), coin_micros=rules.coin_micros_max),
    )
