"""Proposes what an outside agent or a plan wants done, word for word. Asks no model; its confidence is modest."""

from __future__ import annotations

from typing import Any

from chimera.domain.action import TAKE_DOWN, TOOLS, Action
from chimera.domain.draft import Draft
from chimera.domain.tools import ACTS
from chimera.skills.desk import Desk

CONFIDENCE_BP = 9_000
KINDS = {
    "gateway.post": "post.publish",
    "gateway.reply": "post.reply",
    "gateway.like": "post.like",
    "gateway.take_down": TAKE_DOWN,
}
# These task types are called as the acts that they propose. Everything else about a call the court fills in.
CALLS = frozenset(ACTS.values())


async def relay(desk: Desk) -> Draft:
    """The act as it came in, under every label that it came with."""
    assignment = desk.assignment
    given = dict(assignment.task.input)
    if desk.spec.name in CALLS:
        call = Action(kind=desk.spec.name, platform=TOOLS, account="", arguments=given)
        return Draft(output=given, confidence_bp=CONFIDENCE_BP, labels=desk.labels, action=call)
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
