"""The bandit finds what is liked, and never goes back to what did harm, however well that was liked."""

from __future__ import annotations

import random

import pytest

from chimera.domain.errors import Invalid, Refused
from chimera.learning.variants import Bandit

pytestmark = pytest.mark.requirement("R-B6", "R-I2")
RATES = {"dry": 0.02, "warm": 0.05, "shouting": 0.20}


@pytest.mark.parametrize("seed", range(5))
def test_it_finds_what_is_liked(seed: int) -> None:
    dice = random.Random(seed)
    bandit = Bandit(["dry", "warm"], draw=dice.random)
    for _ in range(120):
        name = bandit.choose()
        liked = sum(dice.random() < RATES[name] for _ in range(100))
        bandit.learn(name, impressions=100, engagements=liked)
    assert bandit.seen["warm"].posts > 3 * bandit.seen["dry"].posts


def test_what_did_harm_is_not_tried_again_however_well_it_was_liked() -> None:
    dice = random.Random(1)
    bandit = Bandit(list(RATES), draw=dice.random)
    bandit.learn("shouting", impressions=100_000, engagements=90_000, harms=1)
    assert {bandit.choose() for _ in range(200)} == {"dry", "warm"}
    with pytest.raises(Refused, match="variants_unsafe"):
        bandit.choose(among=["shouting"])


def test_variants_have_names_of_their_own() -> None:
    for names in ([], ["one", "one"]):
        with pytest.raises(Invalid, match="variants_malformed"):
            Bandit(names, draw=random.random)
