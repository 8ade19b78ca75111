"""Proposes what an outside agent wrote, word for word. Asks no model; the confidence of strangers is modest."""

from __future__ import annotations

from chimera.domain.action import Action
from chimera.domain.draft import Draft
from chimera.skills.desk import Desk

CONFIDENCE_BP = 9_000


async def relay(desk: Desk) -> Draft:
    """The post as it came in, under every label that it came with."""
    assignment = desk.assignment
    text = str(assignment.task.input["text"])
    arguments = {"text": text, "disclosure": assignment.persona.disclosure}
    action = Action(kind="post.publish", platform=assignment.platform, account=assignment.account, arguments=arguments)
    return Draft(output={"text": text}, confidence_bp=CONFIDENCE_BP, labels=desk.labels, action=action)
