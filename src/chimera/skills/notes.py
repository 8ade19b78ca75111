"""Work that stays in the house: research notes and episodes of the chronicle. Proposes to keep them."""

from __future__ import annotations

from chimera.domain.action import Action
from chimera.domain.draft import Draft
from chimera.skills.desk import Desk


async def note(desk: Desk) -> Draft:
    """A text by the spec's prompt, kept as a note."""
    envelope = await desk.ask(desk.brief())
    return Draft(output=envelope.output, confidence_bp=envelope.confidence_bp, labels=desk.labels, action=kept(desk))


def kept(desk: Desk) -> Action:
    """Keeping a note is an action like any, except that it stays in the house."""
    return Action(
        kind="note.keep",
        platform="house",
        account=desk.assignment.account,
        arguments={"task": desk.assignment.task.id},
        category="notes",
    )
