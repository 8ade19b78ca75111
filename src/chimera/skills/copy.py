"""Writes posts and replies in the persona's voice. The disclosure is part of the text by construction."""

from __future__ import annotations

from typing import Any

from chimera.domain.action import Action
from chimera.domain.draft import Draft
from chimera.skills.desk import Desk

PUBLISHING_COST_MICROS = 1_000
CARD_CHARS_MAX = 280
SCENES_MAX = 4
PICTURES = "media.make"


async def write(desk: Desk) -> Draft:
    """A post, or an answer to somebody, as the spec says."""
    envelope = await desk.ask(desk.brief())
    output = {**envelope.output, "text": disclosed(str(envelope.output.get("text", "")), desk)}
    media = await _media(desk, output["text"])
    return Draft(
        output=output,
        confidence_bp=envelope.confidence_bp,
        labels=desk.labels,
        action=_action(desk, output["text"], media),
    )


async def _media(desk: Desk, text: str) -> dict[str, Any]:
    """The card or film that goes with a post, where one is asked for and the agent may have it made."""
    asked, assignment = desk.assignment.task.input, desk.assignment
    if PICTURES not in assignment.permissions or not (asked.get("picture") or asked.get("film")):
        return {}
    persona = assignment.persona
    words = text.replace(persona.disclosure, "").strip() if persona.disclosure else text
    title, words = str(asked["topic"])[:CARD_CHARS_MAX], words[:CARD_CHARS_MAX]
    by = {"name": persona.name, "disclosure": persona.disclosure}
    if asked.get("film"):
        made = await desk.read("film", {"scenes": _scenes(title, words), **by})
    else:
        made = await desk.read("card", {"title": title, "body": words, **by})
    return {"media": [{name: made.content[name] for name in ("digest", "alt", "mime")}]}


def _scenes(title: str, words: str) -> list[dict[str, str]]:
    """The text sentence by sentence, a few at most."""
    sentences = [one.strip() for one in words.replace("! ", ". ").replace("? ", ". ").split(". ") if one.strip()]
    return [{"title": title, "words": one} for one in sentences[:SCENES_MAX]] or [{"title": title, "words": words}]


def disclosed(text: str, desk: Desk) -> str:
    """The text with the persona's disclosure in it, exactly as its manifest gives it."""
    disclosure = desk.assignment.persona.disclosure
    return text if not disclosure or disclosure in text else f"{text.rstrip()} {disclosure}"


def _action(desk: Desk, text: str, media: dict[str, Any]) -> Action:
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
            cost_micros=PUBLISHING_COST_MICROS,
        )
    arguments = {"text": text, "disclosure": desk.assignment.persona.disclosure, **media}
    return Action(
        kind="post.publish",
        platform=asked["platform"],
        account=account,
        arguments=arguments,
        cost_micros=PUBLISHING_COST_MICROS,
    )
