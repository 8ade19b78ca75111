"""`chimera rehearse`: several versions of an agent before the same crowds. Touches no fleet and no database."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from chimera.adapters.documents import yaml
from chimera.adapters.documents.limits import DocumentLimits
from chimera.cli import output
from chimera.domain.errors import Invalid, Missing
from chimera.rehearsal import week as weeks
from chimera.rehearsal.week import Week

SCENARIOS = Path(weeks.__file__).parent / "scenarios"
LIMITS = DocumentLimits(floats=True)
POSTS_MAX, PEOPLE_MAX, SEEDS_MAX = 5_000, 200_000, 50


def rehearse(
    scenario: Annotated[str, typer.Argument(help="A scenario's name, or the path of its file.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Let versions of an agent choose what to say and when, before crowds of ten thousand and more."""
    chosen = _read(scenario)
    outcomes = weeks.rehearse(chosen)
    versions = [_told(chosen, outcomes, version.name) for version in chosen.versions]
    if as_json:
        output.answer(
            {
                "scenario": chosen.name,
                "seeds": chosen.seeds,
                "people": chosen.habits.people,
                "days": chosen.days,
                "versions": versions,
                "outcomes": [{**msgspec.to_builtins(one), "rate": round(one.rate, 4)} for one in outcomes],
            }
        )
        return
    output.table(("version", "engagement", "times the baseline", "95 %"), [
        (one["version"], f"{one['engagement']:.2%}", f"{one['ratio']['mean']:.2f}",
         f"{one['ratio']['low']:.2f} to {one['ratio']['high']:.2f}") for one in versions])  # fmt: skip


def _told(week: Week, outcomes: tuple[weeks.Outcome, ...], version: str) -> dict[str, Any]:
    rates = [one.rate for one in outcomes if one.version == version]
    between = weeks.interval(weeks.ratios(week, outcomes, version))
    return {"version": version, "engagement": weeks.interval(rates).mean, "ratio": msgspec.to_builtins(between)}


def _read(name: str) -> Week:
    """A scenario that comes with Chimera, or one of somebody's own."""
    shipped = SCENARIOS / f"{name}.yaml"
    path = shipped if name.isidentifier() and shipped.is_file() else Path(name)
    if not path.is_file():
        known = ", ".join(sorted(one.stem for one in SCENARIOS.glob("*.yaml")))
        raise Missing("scenario_missing", f"there is no scenario {name[:80]!r}", where="scenario",
                      remedy=f"name a file, or one of {known}")  # fmt: skip
    document = yaml.read(path, limits=LIMITS)
    try:
        found = msgspec.convert(document.value, Week)
    except msgspec.ValidationError as error:
        raise Invalid(
            "scenario_malformed", str(error)[:300], where=str(path), remedy="see docs/guides/rehearse.md"
        ) from error
    _require_bounded(found, path)
    return found


def _require_bounded(week: Week, path: Path) -> None:
    posts = week.days * week.posts_per_day
    bounded = (
        1 <= posts <= POSTS_MAX,
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
            remedy="1 to 5000 posts, 100 to 200000 people, 2 to 50 seeds, 2 versions of different names",
        )
