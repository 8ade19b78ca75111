"""`spend costs`: every figure of a spreadsheet has a column of its own, and its unit in the column's name."""

from __future__ import annotations

import csv
import io

import pytest

from chimera.cli.books import write_csv
from chimera.cli.returns import COLUMNS, flat, return_bp

pytestmark = pytest.mark.requirement("R-E7", "R-L3")
FIRST = {
    "campaign": "one", "cost_micros": 3, "revenue_micros": 9, "roi_bp": 20_000, "tasks_done": 2,
    "cost_per_task_micros": 1, "categories": {"model": 2, "tools": 1},
    "assets": {"copy.post": {"count": 2, "direct_micros": 1, "model_share_micros": 1, "per_asset_micros": 1}},
}  # fmt: skip
SECOND = {**FIRST, "campaign": "=two", "categories": {"api": 3}, "assets": {}}


def test_a_row_for_each_campaign_and_no_nested_figure(capsys: pytest.CaptureFixture[str]) -> None:
    write_csv(flat([FIRST, SECOND]), columns=COLUMNS)
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["campaign"] for row in rows] == ["one", "'=two"]
    assert all(value.lstrip("-").isdigit() for row in rows for name, value in row.items() if name != "campaign")
    assert all(name.endswith(("_micros", "_bp", "_count", "_done")) for name in list(rows[0])[1:])
    assert (rows[0]["tools_micros"], rows[1]["tools_micros"], rows[1]["api_micros"]) == ("1", "0", "3")
    assert rows[0]["copy.post_per_asset_micros"] == "1"


def test_where_nothing_was_spent_the_columns_still_have_their_names(capsys: pytest.CaptureFixture[str]) -> None:
    write_csv(flat([]), columns=COLUMNS)
    assert capsys.readouterr().out.strip().split(",") == list(COLUMNS)


@pytest.mark.parametrize(("cost", "revenue", "bp"), [(100, 150, 5_000), (100, 0, -10_000), (0, 50, 0), (-5, 50, 0)])
def test_a_return_is_what_came_back_above_the_cost(cost: int, revenue: int, bp: int) -> None:
    assert return_bp(cost_micros=cost, revenue_micros=revenue) == bp
