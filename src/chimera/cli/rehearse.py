"""`chimera rehearse`: several versions of an agent before the same crowds. Without `--agent` it touches no database."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer

from chimera.adapters.documents.weeks import read_week
from chimera.assembly.serving import rehearsals
from chimera.cli import output, stopping
from chimera.cli.doors import doors_of
from chimera.domain.scorecard import Scorecard, Trial
from chimera.domain.verbs import Resource
from chimera.pipeline.installer import Installer
from chimera.rehearsal import week as weeks
from chimera.rehearsal.lives import rehearse as lived
from chimera.rehearsal.week import Week


def rehearse(
    context: typer.Context,
    scenario: Annotated[str, typer.Argument(help="A scenario's name, or the path of its file.")],
    *,
    agent: Annotated[str, typer.Option(help="Rehearse this agent's versions, and keep their scorecards.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Let versions of an agent choose what to say and when, before crowds of ten thousand and more."""
    if agent:
        _tell_cards(stopping.run(_kept(context, agent, scenario)), as_json=as_json)
        return
    chosen = read_week(scenario)
    outcomes = lived(chosen)
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


async def _kept(context: typer.Context, agent: str, scenario: str) -> tuple[Scorecard, ...]:
    async with doors_of(context).office() as office:
        office.desk.require(office.principal, "agent.change", Resource(kind="agents", id="agents"))
        found = await Installer(office.store).named(agent)
        return await rehearsals(office.store, read=read_week).rehearse(found.id, scenario, by=office.principal.name)


def _tell_cards(cards: tuple[Scorecard, ...], *, as_json: bool) -> None:
    if as_json:
        output.answer({"scorecards": [msgspec.to_builtins(one) for one in cards]})
        return
    heads = ("version", "posts", "impressions", "engagements", "engagement", "times chance", "95 %")
    output.table(heads, [(one.package_version, *_figures(one)) for one in cards])


def _figures(card: Scorecard) -> tuple[str, ...]:
    counted = [(one.posts, one.impressions, one.engagements) for one in card.trials]
    posts, seen, engaged = map(sum, zip(*counted, strict=True))
    between = weeks.interval([_times_chance(one) for one in card.trials])
    return (f"{posts}", f"{seen}", f"{engaged}", f"{engaged / seen:.2%}" if seen else "–", f"{between.mean:.2f}",
            f"{between.low:.2f} to {between.high:.2f}")  # fmt: skip


def _times_chance(trial: Trial) -> float:
    """Engagements per impression before one crowd, as many times what choosing by chance came to before it."""
    ours, chance = trial.engagements * trial.chance_impressions, trial.chance_engagements * trial.impressions
    return ours / chance if chance else 0.0
