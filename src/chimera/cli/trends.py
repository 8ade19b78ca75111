"""`chimera trends`: what do these posts talk about more than usual? Reads a file; keeps and sends nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from chimera.cli import inputs, output
from chimera.domain.errors import Invalid
from chimera.skills.trends.post import Post, Report
from chimera.skills.trends.trend_analyzer import analyze

_ROWS = msgspec.json.Decoder(Post)


def trends(
    file: Annotated[Path, typer.Argument(help="Posts as .jsonl: author, text, at_us. - is stdin.")] = inputs.STDIN,
    *,
    platform: Annotated[str, typer.Option(help="Where they were said.")] = "sandbox",
    count: Annotated[int, typer.Option(help="How many trends at most, 1 to 100.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Say what the last quarter of these posts talks about more than those before, with reasons and examples."""
    report = analyze(platform=platform, posts=_posts(inputs.text_of(file)), count_max=count)
    if as_json:
        output.answer(msgspec.to_builtins(report))
    else:
        _say(report)


def _posts(text: str) -> list[Post]:
    posts: list[Post] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            posts.append(_ROWS.decode(line))
        except msgspec.MsgspecError as error:
            raise Invalid("posts_malformed", str(error)[:200], where=f"line {number}",
                          remedy='write {"author": "@a", "text": "…", "at_us": 0} on each line') from error  # fmt: skip
    return posts


def _say(report: Report) -> None:
    rows = [(one.topic, f"{one.score:.2f}", "burst" if one.is_burst else "", one.why) for one in report.trends]
    output.table(("topic", "score", "", "why"), rows)
    for wave in report.waves:
        output.tell(f"left out: {wave.topic} ({wave.posts} posts): {wave.reason}")
