"""Writes posts and replies in the persona's voice. The disclosure is part of the text by construction."""

from __future__ import annotations

from typing import Any

from chimera.domain.action import Action
from chimera.domain.costing import PLATFORM_FEE, PLATFORM_FEE_MICROS
from chimera.domain.draft import Draft
from chimera.skills.copy.pictures import pictured
from chimera.skills.desk import Desk, Media

POST = "copy.post"


async def write(desk: Desk) -> Draft:
    """A post, or an answer to somebody, as the spec says."""
    envelope = await desk.ask_best(desk.brief(), text="text")
    output = {**envelope.output, "text": disclosed(str(envelope.output.get("text", "")), desk)}
    asked = desk.assignment.task.input
    topic, text = str(asked.get("topic", "")), output["text"]
    media = await pictured(desk, topic, text) if desk.spec.name == POST else ()
    if media:
        output["media"] = list(media)
    return Draft(
        output=output,
        confidence_bp=envelope.confidence_bp,
        labels=desk.labels,
        action=_action(desk, text, media),
    )


def disclosed(text: str, desk: Desk) -> str:
    """The text with the persona's disclosure in it, exactly as its manifest gives it."""
    disclosure = desk.assignment.persona.disclosure
    return text if not disclosure or disclosure in text else f"{text.rstrip()} {disclosure}"


def _action(desk: Desk, text: str, media: Media) -> Action:
    asked, account = desk.assignment.task.input, desk.assignment.account
    if desk.spec.name == "copy.reply":
        arguments = {
            "text": text,
            "in_reply_to": asked["post_id"],
            "target_account": asked["author"],
            "disclosure": desk.assignment.persona.disclosure,
        }
        return Action(
            kind="post.reply",
            platform=asked["platform"],
            account=account,
            arguments=arguments,
            category=PLATFORM_FEE,
            cost_micros=PLATFORM_FEE_MICROS,
        )
    arguments: dict[str, Any] = {"text": text, "disclosure": desk.assignment.persona.disclosure}
    if media:
        arguments["media"] = list(media)
    return Action(
        kind="post.publish",
        platform=asked["platform"],
        account=account,
        arguments=arguments,
        category=PLATFORM_FEE,
        cost_micros=PLATFORM_FEE_MICROS,
    )
