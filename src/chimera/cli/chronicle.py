"""`chimera chronicle`: a repository's newest commits as episodes of a package's cast, one file each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chimera import bootstrap
from chimera.adapters.system import commits
from chimera.assembly.chronicling import Episode, chronicle
from chimera.cli import output, stopping
from chimera.domain.errors import ChimeraError
from chimera.settings import read_settings

CAST = "gaming.banterpacks"


def write(
    repository: Annotated[Path, typer.Argument(help="The folder of a git repository.")] = Path(),
    *,
    count: Annotated[int, typer.Option("--commits", help="How many of the newest commits.")] = 5,
    out: Annotated[Path, typer.Option(help="Where the episodes go.")] = Path("chronicle"),
    package: Annotated[Path | None, typer.Option(help="The package whose cast tells them.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Tell a repository's newest commits as episodes. What was told before is left as it is."""
    out.mkdir(parents=True, exist_ok=True)
    known = frozenset(path.stem for path in out.glob("*.md"))
    cast = package or bootstrap.packages_folder() / CAST
    pages, left = stopping.run(_told(repository.resolve(), count, known, cast))
    told = [out / f"{name}.md" for name in pages]
    for path in told:
        path.write_text(pages[path.stem], encoding="utf-8")
    if as_json:
        output.answer({"written": [str(path) for path in told], "not_told": left})
    else:
        for path in told:
            output.tell(str(path))
        for line in left:
            output.tell(f"not told: {line}")
    if left:
        raise typer.Exit(1)


async def _told(repository: Path, count: int, known: frozenset[str], package: Path) -> tuple[dict[str, str], list[str]]:
    """The pages of what is not known yet, by the beginning of the commit's hash; and why others were not told."""
    pages: dict[str, str] = {}
    left: list[str] = []
    async with chronicle(read_settings(), package=package, repository=repository.name) as teller:
        for commit in await commits.newest(repository, count=count):
            name = commit.digest[:12]
            if name in known:
                continue
            try:
                pages[name] = page_of(await teller.tell(commit))
            except ChimeraError as error:
                left.append(str(error))
    return pages, left


def page_of(episode: Episode) -> str:
    """The episode as a page. It says by whom it was told: an AI."""
    said, commit = episode.output, episode.commit
    table = "\n".join(f"**{one['speaker']}:** {one['line']}\n" for one in said["roundtable"])
    return (
        f"# {said['title']}\n\n*{said['distillation']}*\n\n"
        f"Commit `{commit.digest[:12]}`: {commit.subject}\n\n"
        f"## Why it matters\n\n{said['why']}\n\n## Roundtable\n\n{table}\n"
        f"## Figures\n\n{said['figures']}\n\n## Deep dive\n\n{said['deep_dive']}\n\n"
        f"## What comes next\n\n{said['next']}\n\n"
        f"---\nWritten by an AI ({episode.model}), prompt {episode.prompt}.\n"
    )
