"""`chimera spec …`: looks at task types. Changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from chimera.adapters.documents.specs import PROMPTS_FOLDER, SPECS_FOLDER, lint, load_specs
from chimera.cli import output
from chimera.domain.errors import Missing
from chimera.domain.faults import FAULTS_MAX, Fault
from chimera.domain.spec import Spec
from chimera.governance.schemas import suggestion

app = typer.Typer(
    name="spec", help="Task types: what goes in, what comes out, when it is good enough.", no_args_is_help=True
)

Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


@app.command("lint")
def lint_specs(
    paths: Annotated[list[Path] | None, typer.Argument(help="Files or folders; those of the house if none.")] = None,
    *,
    prompts: Annotated[Path, typer.Option(help="The folder of their prompts.")] = PROMPTS_FOLDER,
    as_json: Json = False,
) -> None:
    """Check task types; one message per fault, with file and line. Exit 2 if there is any."""
    found = paths or [SPECS_FOLDER]
    faults = [fault for path in found for fault in lint(path, prompts=prompts)]
    if as_json:
        count = sum(len(list(path.glob("*.yaml"))) if path.is_dir() else 1 for path in found)
        output.answer({"ok": not faults, "specs": count, "faults": [output.fault_as_json(fault) for fault in faults]})
    else:
        _say(faults)
    if faults:
        raise typer.Exit(2)


def _say(faults: list[Fault]) -> None:
    for fault in faults:
        output.note(str(fault))
    more = " or more" if len(faults) >= FAULTS_MAX else ""
    output.tell(f"{len(faults)}{more} faults" if faults else "no fault")


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="The task type, such as copy.post.")],
    *,
    as_json: Json = False,
) -> None:
    """Print one task type as it is in force."""
    specs = load_specs()
    spec = specs.get(name)
    if spec is None:
        raise Missing("spec_unknown", f"there is no task type {name[:64]!r}", remedy=suggestion(name, sorted(specs)))
    shown = _shown(spec)
    if as_json:
        output.answer(shown)
        return
    output.tell(f"{spec.name} version {spec.version}: {spec.title}")
    output.tell(msgspec.json.format(msgspec.json.encode(shown), indent=2).decode())


def _shown(spec: Spec) -> dict[str, Any]:
    return {
        "name": spec.name, "version": spec.version, "hash": spec.digest, "title": spec.title, "skill": spec.skill,
        "input": spec.input, "output": spec.output, "acceptance": msgspec.to_builtins(spec.checks),
        "actions": spec.actions, "permissions": spec.permissions, "triggers": spec.triggers, "risk": spec.risk,
        "prompt": spec.prompt, "limits": msgspec.to_builtins(spec.limits),
    }  # fmt: skip
