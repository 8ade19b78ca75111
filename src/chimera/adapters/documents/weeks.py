"""Reads the scenarios that versions of an agent are rehearsed in: those that come with Chimera, and one's own."""

from __future__ import annotations

from pathlib import Path

import msgspec

from chimera.adapters.documents import yaml
from chimera.adapters.documents.limits import DocumentLimits
from chimera.domain.errors import Invalid, Missing
from chimera.rehearsal import week as weeks
from chimera.rehearsal.habits import HOURS
from chimera.rehearsal.week import Version, Week

SCENARIOS = Path(weeks.__file__).parent / "scenarios"
LIMITS = DocumentLimits(floats=True)
POSTS_MAX, PEOPLE_MAX, SEEDS_MAX = 5_000, 200_000, 50


def shipped_week(name: str) -> Week:
    """A scenario that comes with Chimera. A name is no path: nothing else is opened."""
    path = SCENARIOS / f"{name}.yaml"
    if not name.isidentifier() or not path.is_file():
        known = ", ".join(sorted(one.stem for one in SCENARIOS.glob("*.yaml")))
        raise Missing("scenario_missing", f"there is no scenario {name[:80]!r}", where="scenario",
                      remedy=f"name a file, or one of {known}")  # fmt: skip
    return _week_in(path)


def read_week(name: str) -> Week:
    """A scenario that comes with Chimera, or one of somebody's own."""
    own = Path(name)
    return _week_in(own) if own.is_file() else shipped_week(name)


def _week_in(path: Path) -> Week:
    document = yaml.read(path, limits=LIMITS)
    try:
        found = msgspec.convert(document.value, Week)
    except msgspec.ValidationError as error:
        raise Invalid(
            "scenario_malformed", str(error)[:300], where=str(path), remedy="see docs/guides/rehearsal.md"
        ) from error
    _require_bounded(found, path)
    return found


def _require_bounded(week: Week, path: Path) -> None:
    posts = [week.days * week.posts_of(version) for version in week.versions]
    bounded = (
        1 <= week.days * week.posts_per_day <= POSTS_MAX,
        all(0 <= one <= POSTS_MAX for one in posts),
        all(_are_hours(version) for version in week.versions),
        100 <= week.habits.people <= PEOPLE_MAX,
        2 <= len(week.seeds) <= SEEDS_MAX,
        2 <= len({one.name for one in week.versions}) == len(week.versions),
        2 <= week.habits.topics <= 100,
    )
    if not all(bounded):
        raise Invalid(
            "scenario_malformed",
            "a scenario is out of bounds",
            where=str(path),
            remedy="1 to 5000 posts, 100 to 200000 people, 2 to 50 seeds, 2 versions of different names, hours 0 to 23",
        )


def _are_hours(version: Version) -> bool:
    return len(set(version.hours)) == len(version.hours) and all(0 <= hour < HOURS for hour in version.hours)
