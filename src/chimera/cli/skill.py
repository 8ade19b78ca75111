"""`chimera skill …`: skills of others (OpenClaw's form), into quarantine. Parses and renders; holds no rule."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from chimera.assembly import skills as assembly
from chimera.assembly.catalogue import publishing_key
from chimera.cli import output, stopping
from chimera.cli.agent import Json
from chimera.cli.doors import doors_of
from chimera.domain.imported import ImportedSkill
from chimera.domain.verbs import Resource
from chimera.settings import read_settings

app = typer.Typer(name="skill", help="Skills of others, pinned and signed, into quarantine.", no_args_is_help=True)


@app.command("import")
def import_skill(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(help="The skill's archive, with its .sig beside it.")],
    *,
    name: Annotated[str, typer.Option(help="What it is called.")],
    pin: Annotated[str, typer.Option(help="The hash of exactly the archive that you looked at.")],
    as_json: Json = False,
) -> None:
    """Let a skill into quarantine, if it is the pinned one and signed by who is trusted. Permits and runs nothing."""

    async def inside() -> None:
        async with doors_of(context).office() as office:
            office.desk.require(office.principal, "agent.change", Resource(kind="agents", id="agents"))

    stopping.run(inside())
    made = assembly.import_skill(read_settings(), source, name=name, pin=pin)
    if as_json:
        output.answer(msgspec.to_builtins(made))
    else:
        output.tell(f"{made.name} of {made.publisher} is in quarantine: {len(made.files)} files")
        for one in made.wants:
            output.tell(f"  it asks for {one}, and is given nothing")


@app.command("list")
def list_skills(*, as_json: Json = False) -> None:
    """What lies in quarantine."""
    found = assembly.imported_skills(read_settings())
    if as_json:
        output.answer({"skills": [msgspec.to_builtins(one) for one in found]})
    elif found:
        output.table(("name", "publisher", "sha256", "says"), [_row(one) for one in found])
    else:
        output.tell("no skill was imported")


@app.command()
def sign(
    folder: Annotated[Path, typer.Argument(help="The skill's folder, with SKILL.md.")],
    *,
    publisher: Annotated[str, typer.Option("--as", help="Under which name; its key is made on first use.")],
    into: Annotated[Path, typer.Option(help="Where the archive goes; its signature lies beside it.")],
    as_json: Json = False,
) -> None:
    """Vouch for a skill that you have read: pack its folder, and sign the archive."""
    settings = read_settings()
    seal = assembly.sign_skill(settings, folder, publisher=publisher, into=into)
    key = publishing_key(settings, publisher).public_key().public_bytes_raw().hex()
    if as_json:
        output.answer({**msgspec.to_builtins(seal), "key": key})
    else:
        output.tell(f"{into}, signed by {seal.publisher}\nsha256 {seal.sha256}\nits key: {key}")


@app.command()
def serve() -> None:
    """Serve imported skills over MCP on standard input and output: a tool server whose tools a person pins."""
    stopping.run(assembly.serve_skills(read_settings()))


def _row(skill: ImportedSkill) -> tuple[str, str, str, str]:
    return skill.name, skill.publisher, skill.sha256[:16], skill.description
