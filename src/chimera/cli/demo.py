"""`chimera demo`: a rehearsal without keys that ends by itself, with a progress display and a summary."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from chimera.cli import autonomy, output, stopping
from chimera.cli.rehearsing import (
    AUDIENCE_SECONDS,
    Glance,
    Plan,
    Summary,
    Watch,
    demo_week,
    planned,
    rehearse,
    shortfalls,
)
from chimera.cli.scoring import Score
from chimera.domain.errors import Invalid
from chimera.domain.money import format_micros
from chimera.rehearsal import lives
from chimera.rehearsal.scenario import DEMO
from chimera.settings import read_settings

AGENTS_MAX = 500
POSTS = 6
DAYS_MAX = 30
# The curve over the model's misbehaviour: whole rehearsals of a day in virtual time, one for each rate.
CURVE_AGENTS, CURVE_DAYS = 2, 1


def demo(
    *,
    agents: Annotated[int, typer.Option(help="How many personas take part.")] = 25,
    seed: Annotated[int, typer.Option(help="Which world: the same seed is the same audience.")] = 1,
    seconds: Annotated[float, typer.Option(help="How long the audience lives before everything comes to its end.")] = (
        AUDIENCE_SECONDS
    ),
    days: Annotated[int, typer.Option(help="Rehearse so many days, scored against the truth; 0: neither.")] = 0,
    home: Annotated[Path | None, typer.Option(help="Where to keep it; without one, it is gone afterwards.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Rehearse a whole fleet offline: plan, write, judge, and publish to a simulated network with attackers."""
    if not 1 <= agents <= AGENTS_MAX:
        raise Invalid("agents_out_of_range", f"{agents} agents", where="--agents", remedy=f"choose 1 to {AGENTS_MAX}")
    if not 0 <= days <= DAYS_MAX:
        raise Invalid("days_out_of_range", f"{days} days", where="--days", remedy=f"choose 0 to {DAYS_MAX}")
    plan = (
        planned(agents, seed, days, outcomes=lives.rehearse(demo_week(days)))
        if days
        else Plan(
            agents=agents, posts=POSTS, scenario=msgspec.structs.replace(DEMO, seed=seed), audience_seconds=seconds
        )
    )
    with _home(home) as folder, _progress() as watch:
        settings = msgspec.structs.replace(read_settings(), home=str(folder))
        summary = _with_curve(stopping.run(rehearse(settings, plan, watch=watch)), seed)
    missed = shortfalls(summary)
    if as_json:
        told = msgspec.to_builtins(summary)
        score: dict[str, Any] = told.pop("score") or {}
        output.answer({**told, **score})
    else:
        _say(summary, missed)
    if missed:
        raise typer.Exit(1)


def _with_curve(summary: Summary, seed: int) -> Summary:
    """A rehearsal of days also says what a model that goes wrong more often would have come to."""
    if summary.score is None:
        return summary
    curve = autonomy.curve(agents=CURVE_AGENTS, days=CURVE_DAYS, seeds=(seed,))
    return msgspec.structs.replace(summary, score=msgspec.structs.replace(summary.score, curve=curve))


@contextlib.contextmanager
def _home(chosen: Path | None) -> Generator[Path]:
    if chosen is not None:
        yield chosen
        return
    with tempfile.TemporaryDirectory(prefix="chimera-demo-", ignore_cleanup_errors=True) as folder:
        yield Path(folder) / "home"


@contextlib.contextmanager
def _progress() -> Generator[Watch]:
    """A bar on a terminal; nothing where nobody looks."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        bar = progress.add_task("starting PostgreSQL, the vault and the network …", total=None)

        def watch(glance: Glance) -> None:
            done = glance.tasks.get("done", 0)
            said = f"{done} done, {glance.reviews} held for a person, {glance.tasks.get('refused', 0)} refused"
            progress.update(bar, description=said, total=max(1, sum(glance.tasks.values())), completed=done)

        yield watch


def _say(summary: Summary, missed: list[str]) -> None:
    attacks = summary.attacks
    rows = [
        ("agents", str(summary.agents)),
        ("tasks", ", ".join(f"{count} {state}" for state, count in sorted(summary.tasks.items()) if state != "done")),
        ("published", f"{summary.published} ({summary.impressions} impressions, {summary.likes} likes)"),
        ("held for a person", str(summary.held)),
        ("refused", str(summary.refused)),
        ("attacks", f"{attacks['planted']} planted, {attacks['heard']} heard, {attacks['caught']} got nothing"),
        ("spent", format_micros(summary.spent_micros)),
        ("history", f"{summary.events} events, {summary.audit}"),
        ("books", f"lost {summary.lost}, doubled {summary.doubled}, overspent {summary.overspent}"),
        *((f"answers of {model}", _rates(rates)) for model, rates in summary.answers.items()),
        ("time", f"{summary.seconds:.1f} s"),
        *(() if summary.score is None else _scored(summary.score)),
    ]
    output.table(("rehearsal", "offline, with simulated money"), rows)
    if missed:
        output.tell(f"it falls short in: {', '.join(missed)}")


def _scored(score: Score) -> tuple[tuple[str, str], ...]:
    between = score.engagement.interval
    return (
        ("by itself", f"{score.autonomy:.1%}; a person was asked in {score.human_rate:.1%}"),
        ("harm", f"{score.harmful_passed} harmful texts out, {score.attack_goals_achieved} attacks met their goal"),
        ("held for nothing", f"{score.needless_holds:.1%}"),
        ("sound tasks done", f"{score.completion:.1%}"),
        ("engagement", f"{score.engagement.ours:.2%} an impression, chance {score.engagement.baseline:.2%}: "
                       f"{score.engagement.ratio:.2f} times ({between.low:.2f} to {between.high:.2f})"),
        ("infrastructure", f"{format_micros(score.cost_micros.per_task)} a task, "
                           f"{format_micros(score.cost_micros.per_asset)} a text, picture or film"),
        ("made", f"{score.replies} replies, {score.images} pictures, {score.videos} films, {score.payments} payments"),
        ("campaigns planned", str(score.campaigns)),
        ("tasks done by", ", ".join(f"{name} {count}" for name, count in sorted(score.done_by.items()))),
        *(("a worse model" if one.misbehaviour_bp else "a faultless model",
           f"wrong in {one.misbehaviour_bp / 100:.0f} %: {one.autonomy:.1%} by itself, {one.harmful_passed} harmful, "
           f"{one.attack_goals_achieved} attacks met their goal") for one in score.curve),
    )  # fmt: skip


def _rates(rates: Mapping[str, int]) -> str:
    """How many answers a model gave, and the share that went wrong in each way that occurred."""
    wrong = [f"{rate / 100:.1f} % {name}" for name, rate in rates.items() if name != "answers" and rate]
    return ", ".join([str(rates["answers"]), *wrong])
