"""`chimera privacy …`: finds personal data in a text, measures what finds it; hands out or erases one person."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from chimera.bench import privacy_evaluation
from chimera.cli import inputs, output, persons, stopping
from chimera.domain.consent import Consent, ConsentState, Purpose
from chimera.governance.privacy.found import Found
from chimera.governance.privacy.mask import REDACT_CHARS_MAX, redact
from chimera.governance.privacy.recognise import BY_NAME, find

app = typer.Typer(name="privacy", help="Personal data: find it, mask it, measure that.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


@app.command()
def scan(
    file: Annotated[Path, typer.Argument(help="A file; - is stdin.")] = inputs.STDIN, *, as_json: Json = False
) -> None:
    """List personal data and secrets in a text, and show it masked. What was found is not repeated."""
    text = inputs.text_of(file, chars_max=REDACT_CHARS_MAX)
    found, masked = find(text), redact(text)
    if as_json:
        output.answer({"found": [_shown(one) for one in found], "masked": masked})
        return
    columns = ("type", "meaning", "from", "to", "confidence", "why")
    output.table(columns, [tuple(map(str, _shown(one).values()))[: len(columns)] for one in found])
    output.tell(masked)


def _shown(one: Found) -> dict[str, Any]:
    recogniser = BY_NAME[one.type]
    return {
        "type": one.type, "meaning": recogniser.meaning, "start": one.start, "end": one.end,
        "confidence_bp": one.confidence_bp, "why": one.why,
        "severity": recogniser.severity, "proof": recogniser.proof,
    }  # fmt: skip


@app.command()
def evaluate(
    corpus: Annotated[Path, typer.Argument(help="Rows of text and labelled spans, as .jsonl.")],
    *,
    as_json: Json = False,
) -> None:
    """Measure the recognisers: precision, recall and F1 per type; names, places and context apart."""
    report = inputs.measured(privacy_evaluation.evaluate, corpus)
    if as_json:
        output.answer(report)
        return
    columns = ("group", "type", "labelled", "found", "precision", "recall", "f1")
    groups = ("types", "context", "names")
    rows = [(group, label, *map(str, one.values())) for group in groups for label, one in report[group].items()]
    output.table(columns, rows)
    output.tell(", ".join(f"{name} {value}" for name, value in report.items() if name not in groups))


Person = Annotated[str, typer.Argument(help="The handle or address, as it stands on the network.")]
Why = Annotated[str, typer.Option(help="Why; it goes on record.")]


@app.command()
def export(person: Person, *, why: Why = "asked by the person", as_json: Json = False) -> None:
    """Hand out every record in which a person stands. That it was read goes on record."""
    records = stopping.run(persons.export_person(persons.PersonRequest(person=person, why=why)))
    if as_json:
        output.answer({"person": person, "records": list(records)})
        return
    if not records:
        output.tell(f"nothing of {person} is kept here")
        return
    output.table(("kind", "id"), [(str(one["kind"]), str(one["id"])) for one in records])
    output.note("--json hands out what stands in them")


@app.command()
def erase(person: Person, *, why: Why = "asked by the person", as_json: Json = False) -> None:
    """Blank a person in every record, now and after every restored backup. The chain still verifies."""
    blanked = stopping.run(persons.erase_person(persons.PersonRequest(person=person, why=why)))
    if as_json:
        output.answer({"person": person, "blanked": dict(blanked)})
        return
    if not blanked:
        output.tell(f"nothing of {person} was left to blank; the journal remembers it for restored backups")
        return
    output.table(("kind", "records with blanks"), [(kind, str(number)) for kind, number in blanked.items()])


@app.command()
def consent(
    person: Person, *,
    purpose: Annotated[list[Purpose], typer.Option(help="What for. May be given several times.")] = [],  # noqa: B006 – what Typer reads; nobody changes it.
    withdraw: Annotated[bool, typer.Option("--withdraw", help="The person says no, not yes.")] = False,
    why: Why = "asked by the person", as_json: Json = False,
) -> None:  # fmt: skip
    """Put on record what a person says about uses of their data; without a purpose, show what they have said."""
    state = ConsentState.WITHDRAWN if withdraw else ConsentState.GIVEN
    _show_consents(person, _said(person, purpose, state, why=why), as_json=as_json)


@app.command(name="opt-out")
def opt_out(person: Person, *, why: Why = "asked by the person", as_json: Json = False) -> None:
    """A person says no to everything: nothing of theirs is taken in or answered from now on."""
    _show_consents(person, _said(person, tuple(Purpose), ConsentState.WITHDRAWN, why=why), as_json=as_json)


@app.command()
def secret(person: Person, *, why: Why = "asked by the operator", as_json: Json = False) -> None:
    """What comes from a person from now on is secret: nothing of it leaves the house, in arguments of reads neither."""
    _show_consents(person, _said(person, (Purpose.SHARE,), ConsentState.WITHDRAWN, why=why), as_json=as_json)


def _said(person: str, purposes: Sequence[Purpose], state: ConsentState, *, why: str) -> tuple[Consent, ...]:
    asked = persons.PersonRequest(person=person, why=why)
    return stopping.run(persons.note_consent(asked, purposes, state))


def _show_consents(person: str, said: Sequence[Consent], *, as_json: bool) -> None:
    rows = [(str(one.purpose), str(one.state), one.by, one.why) for one in said]
    columns = ("purpose", "state", "by", "why")
    if as_json:
        output.answer({"person": person, "consents": [dict(zip(columns, row, strict=True)) for row in rows]})
        return
    output.table(columns, rows)
