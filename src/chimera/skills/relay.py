"""Proposes what an outside agent wants done, word for word. Asks no model; the confidence of strangers is modest."""

from __future__ import annotations

from typing import Any

from chimera.domain.action import TAKE_DOWN, Action
from chimera.domain.draft import Draft
from chimera.skills.desk import Desk

CONFIDENCE_BP = 9_000
KINDS = {
    "gateway.post": "post.publish",
    "gateway.reply": "post.reply",
    "gateway.like": "post.like",
    "gateway.take_down": TAKE_DOWN,
}


async def relay(desk: Desk) -> Draft:
    """The act as it came in, under every label that it came with."""
    assignment = desk.assignment
    given = dict(assignment.task.input)
    title = given.pop("picture", "")
    arguments = given | await _shown(desk, given, title)
    action = Action(kind=KINDS[desk.spec.name], platform=assignment.platform, account=assignment.account,
                    arguments=arguments)  # fmt: skip
    return Draft(output=given, confidence_bp=CONFIDENCE_BP, labels=desk.labels, action=action)


async def _shown(desk: Desk, given: dict[str, Any], title: str) -> dict[str, Any]:
    """What goes with a text: how the persona says what it is, and a card of the house's own making."""
    if "text" not in given:
        return {}
    media = await desk.card(title, str(given["text"])) if title else ()
    shown: dict[str, Any] = {"disclosure": desk.assignment.persona.disclosure}
    return shown | {"media": list(media)} if media else shown
