"""What tokens cost: by the file, by the shipped table, or refused; never by the network."""

from __future__ import annotations

import pytest

from chimera.adapters.models.configuration import ModelPart
from chimera.adapters.models.prices import NOTHING, OWN, TABLE, price_of
from chimera.domain.errors import Invalid

pytestmark = pytest.mark.requirement("R-E7", "R-L3")


def test_the_table_knows_the_providers_models() -> None:
    for part in (ModelPart(wire="openai", model="gpt-4o"), ModelPart(wire="anthropic", model="claude-sonnet-4-5")):
        price = price_of("first", part)
        assert price.source == TABLE
        # The dollars of a million tokens: neither cents nor thousands of dollars, and answers cost more than questions.
        assert 10_000 < price.input_micros < price.output_micros < 1_000_000_000


def test_the_operators_own_figure_counts() -> None:
    price = price_of("first", ModelPart(wire="openai", model="gpt-4o", input_micros_per_million_tokens=7))
    assert (price.input_micros, price.output_micros, price.source) == (7, 0, OWN)


def test_ones_own_machine_costs_nothing() -> None:
    for part in (
        ModelPart(wire="local", model="llama"),
        ModelPart(wire="offline"),
        ModelPart(wire="openai", model="x", url="http://127.0.0.1:1/v1"),
    ):
        assert price_of("house", part).source == NOTHING


def test_what_nobody_can_price_is_refused_because_it_cannot_be_held() -> None:
    with pytest.raises(Invalid, match="nobody knows what 'no-such-model' costs"):
        price_of("first", ModelPart(wire="anthropic", model="no-such-model"))
