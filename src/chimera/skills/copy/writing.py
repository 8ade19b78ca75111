"""Writes posts, parts of threads, captions and replies in the persona's voice. The disclosure is in by construction."""

from __future__ import annotations

from typing import Any

from chimera.domain.action import Action
from chimera.domain.costing import PLATFORM_FEE, PLATFORM_FEE_MICROS
from chimera.domain.draft import Draft
from chimera.domain.errors import Invalid
from chimera.skills.copy.pictures import pictured
from chimera.skills.desk import Desk, Media

REPLY, THREAD = "copy.reply", "copy.thread"
WITHOUT_MEDIA = frozenset({REPLY, THREAD})


async def write(desk: Desk) -> Draft:
    """What the spec says: a post, a part of a thread, a picture with its caption, or an answer to somebody."""
    answers = _answered(desk)
    envelope = await desk.ask_best(desk.brief(), text="text")
    text = disclosed(str(envelope.output.get("text", "")), desk)
    # What the studio made, the house says: a model that names pictures of its own is not believed.
    output = {name: value for name, value in envelope.output.items() if name != "media"} | {"text": text}
    asked = desk.assignment.task.input
    media = () if desk.spec.name in WITHOUT_MEDIA else await pictured(desk, str(asked["topic"]), text)
    if media:
        output["media"] = list(media)
    return Draft(output=output, confidence_bp=envelope.confidence_bp, labels=desk.labels,
                 action=_action(desk, text, media, answers))  # fmt: skip


def disclosed(text: str, desk: Desk) -> str:
    """The text with the persona's disclosure in it, exactly as its manifest gives it."""
    disclosure = desk.assignment.persona.disclosure
    return text if not disclosure or disclosure in text else f"{text.rstrip()} {disclosure}"


def _answered(desk: Desk) -> dict[str, Any]:
    """Which post this one answers, and whose that is: a stranger's, the part of the thread before it, or none."""
    asked = desk.assignment.task.input
    if desk.spec.name == REPLY:
        return {"in_reply_to": asked["post_id"], "target_account": asked["author"]}
    if desk.spec.name != THREAD or asked["part"] == 1:
        return {}
    before = next((one.published for one in reversed(desk.assignment.materials) if one.published), "")
    if not before:
        raise Invalid("thread_without_beginning", f"part {asked['part']} comes after no part that was published",
                      where="part", remedy="let each part come after the one before it")  # fmt: skip
    return {"in_reply_to": before, "target_account": desk.assignment.account}


def _action(desk: Desk, text: str, media: Media, answers: dict[str, Any]) -> Action:
    arguments: dict[str, Any] = {"text": text, **answers, "disclosure": desk.assignment.persona.disclosure}
    if media:
        arguments["media"] = list(media)
    return Action(
        kind="post.reply" if answers else "post.publish",
        platform=desk.assignment.task.input["platform"],
        account=desk.assignment.account,
        arguments=arguments,
        category=PLATFORM_FEE,
        cost_micros=PLATFORM_FEE_MICROS,
    )
