"""`chimera guard …`: scans a text for injected orders, and measures and trains what scans. Blocks nothing itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from chimera.bench import guard_evaluation, guard_training
from chimera.cli import inputs, output, stopping
from chimera.cli.doors import doors_of
from chimera.domain.errors import Invalid
from chimera.domain.verbs import Resource
from chimera.governance.agents import agent_called
from chimera.governance.security.gateway import SecurityGateway, ValidationResult
from chimera.governance.security.scan import shipped_scanner

app = typer.Typer(name="guard", help="Injected orders: scan a text, measure the detector.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Corpus = Annotated[Path, typer.Argument(help="Rows of text, label (attack or benign) and corpus, as .jsonl.")]


@app.command()
def scan(
    file: Annotated[Path, typer.Argument(help="A file; - is stdin.")] = inputs.STDIN, *, as_json: Json = False
) -> None:
    """Say how much a text looks like an attempt to give orders to its reader. A signal: exit 0 either way."""
    answer: dict[str, Any] = msgspec.to_builtins(shipped_scanner().scan(inputs.text_of(file)))
    if as_json:
        output.answer(answer)
        return
    output.tell(f"{answer['level']} ({answer['score_bp']} of 10000)")
    for reason in answer["reasons"]:
        output.tell(f"  {reason}")
    for span in answer["spans"]:
        output.tell(f"  {span['family']}: {span['words']!r} ({span['view']})")


@app.command()
def request(
    context: typer.Context,
    agent: Annotated[str, typer.Argument(help="The agent's name or id.")],
    file: Annotated[Path, typer.Argument(help="The request as a JSON object; - is stdin.")] = inputs.STDIN,
    *,
    as_json: Json = False,
) -> None:
    """Ask whether an agent may make a request: injection, permission, threat, and on record. Exit 1 if it may not."""
    try:
        asked = msgspec.json.decode(inputs.text_of(file), type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise Invalid("request_malformed", str(error), where=str(file), remedy="give one JSON object") from error
    result = stopping.run(_validated(context, agent, asked))
    if as_json:
        output.answer(msgspec.to_builtins(result))
    else:
        output.tell(f"{'approved' if result.approved else 'refused'}, {result.threat_level}: {result.reason}")
    if not result.approved:
        raise typer.Exit(1)


async def _validated(context: typer.Context, name: str, asked: dict[str, Any]) -> ValidationResult:
    async with doors_of(context).office() as office:
        found = await agent_called(office.store, name)
        office.desk.require(office.principal, "agent.change", Resource(kind="agent", id=found.id))
        return await SecurityGateway(shipped_scanner(), store=office.store).validate_request(found.id, asked)


@app.command()
def evaluate(corpus: Corpus, *, as_json: Json = False) -> None:
    """Measure the shipped detector: recall and false alarms per corpus, and the time a scan takes."""
    _say(inputs.measured(guard_evaluation.evaluate, corpus), as_json=as_json)


@app.command()
def loco(corpus: Corpus, *, as_json: Json = False) -> None:
    """Leave one corpus out: judge each by a model that saw nothing of it. Trains one model per corpus."""
    _say(inputs.measured(guard_evaluation.evaluate_left_out, corpus), as_json=as_json)


@app.command()
def train(
    corpus: Corpus,
    *,
    out: Annotated[
        Path, typer.Option(help="Where the weights go; the shipped ones if not given.")
    ] = guard_training.WEIGHTS,
    as_json: Json = False,
) -> None:
    """Train the model anew: the same bytes for the same corpus."""
    trained = inputs.measured(lambda path: {"weights": str(out), "sha256": guard_training.train(path, out)}, corpus)
    if as_json:
        output.answer(trained)
    else:
        output.tell(f"{trained['weights']}: sha256 {trained['sha256']}")


def _say(report: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        output.answer(report)
        return
    columns = ("corpus", "attacks", "benign", "recall", "false positives")
    rows = [
        (name, str(one["attacks"]), str(one["benign"]), _share(one["recall"]), _share(one["false_positive_rate"]))
        for name, one in report["corpora"].items()
    ]
    output.table(columns, rows)
    output.tell(", ".join(f"{name} {value}" for name, value in report.items() if name != "corpora"))


def _share(share: float | None) -> str:
    return "–" if share is None else f"{share:.2%}"
