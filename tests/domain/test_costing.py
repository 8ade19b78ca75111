"""What tools cost, as it is written in a setting."""

from __future__ import annotations

import pytest

from chimera.domain.costing import read_prices
from chimera.domain.errors import Invalid
from chimera.settings import Settings

pytestmark = pytest.mark.requirement("R-E2", "R-B5")


def test_prices_as_people_write_them() -> None:
    assert read_prices("weather=0.002, archive = 1,") == {"weather": 2_000, "archive": 1_000_000}
    assert read_prices("") == read_prices(" , ") == {}
    assert read_prices("weather=0") == {"weather": 0}, "a call may be free, and be said to be"


@pytest.mark.parametrize("text", [
    "weather", "=1", "weather=", "weather=free", "weather=-1", "weather=NaN", "weather=0.0000001",
    "weather=1, weather=2", "weather=1=2", "weather=1e99",
])  # fmt: skip
def test_what_is_no_price_is_refused_by_name(text: str) -> None:
    with pytest.raises(Invalid):
        read_prices(text)


def test_money_is_held_where_models_or_tools_are_paid_for() -> None:
    assert not Settings().calls_cost
    assert Settings(tool_prices="weather=1").calls_cost
    assert Settings(models_file="models.toml").calls_cost
