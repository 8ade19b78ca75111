"""What is done about somebody without a word: a like, or a block. Proposes; asks a model only where taste is needed."""

from __future__ import annotations

from chimera.domain.action import Action
from chimera.domain.draft import Draft
from chimera.skills.community import like
from chimera.skills.community.triage import triage
from chimera.skills.desk import Desk

BLOCK = "community.block"
# The rules that saw abuse are exact; what they do not see is not blocked.
CONFIDENCE_BP = 9_500


async def react(desk: Desk) -> Draft:
    """As the task's type says."""
    return _blocked(desk) if desk.spec.name == BLOCK else await like.consider(desk)


def _blocked(desk: Desk) -> Draft:
    """The block of whoever wrote to us, with the rule that saw why. No model is asked: none can be talked out of it."""
    asked = desk.assignment.task.input
    block = Action(kind="account.block", platform=asked["platform"], account=desk.assignment.account,
                   arguments={"target_account": asked["author"]})  # fmt: skip
    output = {"block": True, "reason": triage(asked["text"]).reason[:500]}
    return Draft(output=output, confidence_bp=CONFIDENCE_BP, labels=desk.labels, action=block)
