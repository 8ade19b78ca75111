"""A crowd from a seed: the same answers twice, tired of repetition, asleep at night; learning beats chance."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from chimera.adapters.documents.weeks import SCENARIOS
from chimera.rehearsal.crowd import Crowd
from chimera.rehearsal.habits import Habits, Shown
from chimera.rehearsal.lives import rehearse
from chimera.rehearsal.week import Week, interval, ratios
from tests.fleet import chimera

pytestmark = pytest.mark.requirement("R-N5")


def test_the_same_seed_is_the_same_week() -> None:
    week = Week(name="short", days=1, seeds=(1, 2), habits=Habits(people=1_000))
    assert rehearse(week) == rehearse(week)


def test_a_crowd_sleeps_and_tires() -> None:
    fresh = Crowd(Habits(tires=0.0), seed=3, hours=48).meet(Shown(topic=0, hour=20))
    night = Crowd(Habits(tires=0.0), seed=3, hours=48).meet(Shown(topic=0, hour=4))
    assert night.impressions * 5 < fresh.impressions
    tiring = Crowd(Habits(tires=2.0, sees_bp=9_000, sees_interested_bp=9_000), seed=3, hours=48)
    first, *_, last = [tiring.meet(Shown(topic=0, hour=20)) for _ in range(6)]
    assert last.engagements * 2 < first.engagements


def test_what_is_learnt_beats_chance_on_held_out_seeds() -> None:
    week = Week(name="held out", seeds=(101, 102, 103, 104, 105))
    outcomes = rehearse(week)
    between = interval(ratios(week, outcomes, "ours"))
    assert between.low > 1.0
    assert between.mean >= 1.5
    assert all(one.rate > 0.02 for one in outcomes if one.version == "ours")


def test_an_interval_holds_its_mean_and_narrows_with_agreement() -> None:
    wide, narrow = interval([1.0, 2.0, 3.0]), interval([1.9, 2.0, 2.1])
    assert wide.low < wide.mean == narrow.mean < wide.high
    assert narrow.high - narrow.low < wide.high - wide.low


@pytest.mark.requirement("R-N5")
def test_scenarios_are_files_that_the_command_reads(tmp_path: Path) -> None:
    assert {path.stem for path in SCENARIOS.glob("*.yaml")} >= {"week", "moody_crowd"}
    own = tmp_path / "own.yaml"
    own.write_bytes(msgspec.json.encode({"name": "own", "days": 1, "seeds": [1, 2], "habits": {"people": 500}}))
    answer = chimera(tmp_path / "home", "rehearse", own, "--json")
    assert answer.code == 0
    assert [one["version"] for one in answer.object["versions"]] == ["ours", "baseline"]
    assert chimera(tmp_path / "home", "rehearse", "nowhere").code == 2
    own.write_text("name: own\ndays: many\n")
    assert chimera(tmp_path / "home", "rehearse", own).code == 2
