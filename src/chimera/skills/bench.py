"""Repeats a line, after asking the model for it: measures the house, not the skill."""

from __future__ import annotations

from chimera.domain.action import Action
from chimera.domain.costing import PLATFORM_FEE
from chimera.domain.draft import Draft
from chimera.skills.desk import Desk

COST_MICROS = 1_000


async def repeat(desk: Desk) -> Draft:
    """The line as a note that stays in the house, as a post, or with no act at all, as the spec allows."""
    envelope = await desk.ask(desk.brief())
    action = _action(desk, str(envelope.output.get("text", "")))
    return Draft(output=envelope.output, confidence_bp=envelope.confidence_bp, labels=desk.labels, action=action)


def _action(desk: Desk, text: str) -> Action | None:
    assignment = desk.assignment
    if "note.keep" in desk.spec.actions:
        return Action(kind="note.keep", platform="house", account=assignment.account, category="notes",
                      arguments={"task": assignment.task.id}, cost_micros=COST_MICROS)  # fmt: skip
    if "post.publish" in desk.spec.actions:
        arguments = {"text": text, "disclosure": assignment.persona.disclosure}
        return Action(kind="post.publish", platform=assignment.platform, account=assignment.account,
                      arguments=arguments, category=PLATFORM_FEE, cost_micros=COST_MICROS)  # fmt: skip
    return None
