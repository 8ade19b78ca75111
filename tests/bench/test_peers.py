"""A comparison says how many times as quick ours is, who gave no figure, and draws everybody."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from chimera.bench import charts, peers, tiers
from chimera.cli.bench import make_folder
from chimera.domain.errors import Unavailable

pytestmark = pytest.mark.requirement("R-A5", "R-A7")


def compared(**rates: float) -> dict[str, Any]:
    found = [{"name": one.name, "governed_per_second": rates.get(one.key, 10.0)} for one in peers.PEERS]
    ours, whole = {"governed_per_second": 1_000.0}, {"governed_per_second": 600.0}
    return peers.summed(ours, whole, found, {"name": "loop", "governed_per_second": 20_000.0}, seconds=1.0)


def test_ours_is_told_as_times_theirs_and_as_a_share_of_the_ceiling() -> None:
    result = compared(dbos=50.0)
    dbos = next(one for one in result["peers"] if one["name"] == "DBOS")
    assert (dbos["ours_is_times"], dbos["ours_with_its_act_is_times"]) == (20.0, 12.0)
    assert result["share_of_ceiling"] == 0.05
    assert peers.missed(result) == []


@pytest.mark.parametrize(
    ("rates", "missed"),
    [
        ({"dbos": 50.3}, ["DBOS"]),
        ({"langgraph": 50.3}, ["LangGraph + AsyncPostgresSaver"]),
        ({"celery": 166.6}, []),
        ({"celery": 170.0}, ["Celery + PostgreSQL, Valkey as broker", "Celery + PostgreSQL, also as broker"]),
        ({"procrastinate": 999.0}, []),
        ({"procrastinate": 0.0}, ["procrastinate"]),
    ],
)
def test_who_is_not_slow_enough_or_gave_no_figure_is_named(rates: dict[str, float], missed: list[str]) -> None:
    assert peers.missed(compared(**rates)) == missed


def test_a_chart_of_peers_is_a_drawing_with_everybody_on_it() -> None:
    drawn = ElementTree.fromstring(peers.chart(compared(dbos=0.0)))
    texts = "".join(drawn.itertext())
    assert all(one.name in texts for one in peers.PEERS)
    assert "1,000" in texts


def test_a_chart_of_tiers_has_a_curve_for_each_tier_and_number_of_managers() -> None:
    points = [
        {"agents": agents, "managers": managers, "orchestrator_per_task": 0.1 * managers, "manager_per_task": 1.0,
         "worker_per_task": 0.0}
        for agents in (100, 1_000) for managers in (1, 10)
    ]  # fmt: skip
    drawn = tiers.chart({"points": points, "machine": "a <machine>", "per_second": 50.0})
    assert drawn.count("<polyline") == 6
    assert "a &lt;machine&gt;" in drawn
    ElementTree.fromstring(drawn)


def test_ten_times_as_much_is_always_the_same_step() -> None:
    drawn = charts.bars("t", [("a", 10_000), ("b", 1_000), ("c", 100)])
    first, second, third = [int(found) for found in re.findall(r'<rect x="\d+" y="\d+" width="(\d+)"', drawn)]
    assert first - second == pytest.approx(second - third, abs=1)
    assert third > 0


def test_the_folder_of_a_chart_is_made_before_anything_is_measured(tmp_path: Path) -> None:
    wanted = tmp_path / "some" / "where"
    make_folder(str(wanted))
    assert wanted.is_dir()
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable) as refused:
        make_folder(str(tmp_path / "file"))
    assert refused.value.code == "folder_not_writable"
