"""Which picture goes with a post: a card, a chart of figures that stand in sources, a collage, a painting, a film.

Asks the studio for it, and says what it shows. Publishes nothing; draws nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from chimera.domain.errors import Invalid
from chimera.governance import texts
from chimera.skills.desk import Desk, Media

CAPTION = "copy.caption"
PAINTING_PROMPT = "picture.painting"
BARS_MAX = 12
COLLAGE_MAX = 9
ONE_HUNDREDTH_BP = 100

Row = dict[str, Any]


async def pictured(desk: Desk, topic: str, text: str) -> Media:
    """What the task asks for, where the agent may have it made; a card, where there is nothing to make it of."""
    asked = desk.assignment.task.input
    if asked.get("film"):
        return await desk.film(topic, text)
    if not asked.get("picture") and desk.spec.name != CAPTION:
        return ()
    match asked.get("picture_kind"):
        case "chart" if bars := list(_bars(desk)):
            return await desk.made("chart", {"title": topic, "bars": bars[:BARS_MAX]})
        case "collage" if pictures := list(dict.fromkeys(_made_before(desk))):
            return await desk.made("collage", {"pictures": pictures[:COLLAGE_MAX]})
        case "painting":
            return await desk.painting(PAINTING_PROMPT, topic, text)
        case _:
            return await desk.card(topic, text)


def _bars(desk: Desk) -> Iterator[Row]:
    """The figures that the task gives, each of which has to stand in a source; else how much is said of what."""
    asked = desk.assignment.task.input
    if "bars" not in asked:
        for row in _rows(desk, "trends"):
            yield {"name": str(row["topic"]), "value": int(row["score_bp"]) // ONE_HUNDREDTH_BP}
        return
    known = {number for source in _sources(desk) for number in texts.numbers(source)}
    for bar in asked["bars"]:
        if str(bar["value"]) not in known:
            raise Invalid("chart_unsourced", f"{bar['value']} ({bar['name'][:60]}) stands in no source", where="bars",
                          remedy="give the figure among the facts, or leave it out")  # fmt: skip
        yield bar


def _made_before(desk: Desk) -> Iterator[str]:
    """The pictures of the tasks that this one came after; the films among them are no pictures."""
    yield from (str(one["digest"]) for one in _rows(desk, "media") if "mime" not in one)


def _sources(desk: Desk) -> Iterator[str]:
    yield from map(str, desk.assignment.task.input.get("facts", ()))
    for material in desk.assignment.materials:
        yield from texts.texts_of(material.content)


def _rows(desk: Desk, part: str) -> Iterator[Row]:
    for material in desk.assignment.materials:
        yield from cast("list[Row]", material.content.get(part, ()))
