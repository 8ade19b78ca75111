"""Reads pages as sources, and answers questions from sources. What stands on pages is data, under its label."""

from __future__ import annotations

from chimera.domain.draft import Draft
from chimera.domain.errors import ChimeraError, Unavailable
from chimera.skills.desk import Desk

CONFIDENCE_BP = 9_500
TITLE_CHARS_MAX = 300
TEXT_CHARS_MAX = 4_000
READ = "research.read"


async def find(desk: Desk) -> Draft:
    """The pages that were asked for, or a note from what was given, as the task's type says."""
    return await read(desk) if desk.spec.name == READ else desk.note(await desk.ask(desk.brief()))


async def read(desk: Desk) -> Draft:
    """Every page once; what cannot be read, or may not, is named and left out. None at all is a failure."""
    sources: list[dict[str, str]] = []
    unread: list[str] = []
    why = ""
    for link in dict.fromkeys(desk.assignment.task.input["links"]):
        try:
            content = (await desk.read("web", {"url": link})).content
        except ChimeraError as error:
            unread.append(link)
            why = str(error)
            continue
        sources.append({"link": link, "title": str(content.get("title", ""))[:TITLE_CHARS_MAX],
                        "text": str(content.get("text", ""))[:TEXT_CHARS_MAX]})  # fmt: skip
    if not sources:
        raise Unavailable("sources_unread", why[:300], where=READ, remedy="name pages that the fleet may read")
    output = {"sources": sources, "unread": unread}
    return Draft(output=output, confidence_bp=CONFIDENCE_BP, labels=desk.labels)
