"""Decides whether a post is worth a like, and proposes it."""

from __future__ import annotations

from chimera.domain.action import Action
from chimera.domain.draft import Draft
from chimera.skills.desk import Desk


async def consider(desk: Desk) -> Draft:
    """A like, or nothing."""
    envelope = await desk.ask(desk.brief())
    asked = desk.assignment.task.input
    like = Action(
        kind="post.like",
        platform=asked["platform"],
        account=desk.assignment.account,
        arguments={"post_id": asked["post_id"], "target_account": asked["author"]},
    )
    wanted = envelope.output.get("like") is True
    return Draft(
        output=envelope.output,
        confidence_bp=envelope.confidence_bp,
        labels=desk.labels,
        action=like if wanted else None,
    )
