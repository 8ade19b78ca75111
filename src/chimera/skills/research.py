"""Reads pages and tools as sources, and answers questions from them. What stands there is data, under its label."""

from __future__ import annotations

from chimera.domain import canonical
from chimera.domain.draft import Draft
from chimera.domain.errors import ChimeraError, Unavailable
from chimera.domain.tools import call_of
from chimera.skills.desk import Desk

CONFIDENCE_BP = 9_500
TITLE_CHARS_MAX = 300
TEXT_CHARS_MAX = 4_000
READ = "research.read"


async def find(desk: Desk) -> Draft:
    """The pages or the tool that were asked for, or a note from what was given, as the task's type says."""
    match desk.spec.name:
        case "research.read":
            return await read(desk)
        case "tool.read":
            return await ask(desk)
        case _:
            return desk.note(await desk.ask(desk.brief()))


async def ask(desk: Desk) -> Draft:
    """What a pinned tool answers that only reads: a source like a page."""
    asked = desk.assignment.task.input
    content = (await desk.read(asked["tool"], call_of(asked))).content
    text = content.get("text") if set(content) == {"text"} else None
    said = text if isinstance(text, str) else canonical.encode(content).decode()
    source = {"link": asked["tool"], "title": asked["tool"], "text": said[:TEXT_CHARS_MAX]}
    return Draft(output={"sources": [source], "unread": []}, confidence_bp=CONFIDENCE_BP, labels=desk.labels)


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
