"""Checks that links between our documents lead somewhere. Reads Markdown; asks no server."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("", "agents/**/", "deploy/**/", "docs/**/", "research/**/", "runtime/", ".specify/**/")
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^()\s]+)\)")
HEADING = re.compile(r"^#+\s+(.*)$", re.MULTILINE)


def documents() -> list[Path]:
    return sorted({path for folder in FOLDERS for path in ROOT.glob(f"{folder}*.md")})


def anchors(markdown: str) -> set[str]:
    """As the forges make them: lower case, punctuation away, spaces to dashes."""
    titles = (re.sub(r"[^\w\- ]", "", title.replace("`", "").strip().lower()) for title in HEADING.findall(markdown))
    return {title.replace(" ", "-") for title in titles}


def dead_links(document: Path) -> Iterator[str]:
    text = CODE.sub("", document.read_text("utf-8"))
    for link in LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        if not target.exists():
            yield f"{document.relative_to(ROOT)}: {link} leads nowhere"
        elif anchor and target.suffix == ".md" and anchor not in anchors(target.read_text("utf-8")):
            yield f"{document.relative_to(ROOT)}: {link}: there is no such heading"


if __name__ == "__main__":
    dead = [fault for document in documents() for fault in dead_links(document)]
    print("\n".join(dead) or f"links: {len(documents())} documents, none dead")
    sys.exit(bool(dead))
