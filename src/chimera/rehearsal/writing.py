"""What the offline model writes when it behaves: one function per prompt, from grammar, persona and data. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from chimera.rehearsal import graphemes, phrases, reading
from chimera.rehearsal.dice import Dice
from chimera.rehearsal.reading import Data

Writer: TypeAlias = Callable[[Data, Dice], dict[str, Any]]

LIMIT_GRAPHEMES = 300
DISCLOSURE = "(AI persona)"
_REDRAWS = 4


def fill(template: str, dice: Dice, *, topic: str) -> str:
    """A sentence from a template."""
    return template.format(
        topic=topic, subject=dice.pick(phrases.SUBJECTS), verb=dice.pick(phrases.VERBS), number=dice.between(2, 97),
        name=dice.pick(phrases.GIVEN_NAMES),
    )


def topic_of(data: Data, dice: Dice) -> str:
    """What the answer is about: what is asked for, or one of the persona's interests."""
    interests = reading.texts(reading.table(data, "persona"), "interests") or ("games",)
    asked = data.get("topic")
    if isinstance(asked, dict):
        return reading.text(reading.table(data, "topic"), "topic", dice.pick(interests))
    return reading.text(data, "topic", dice.pick(interests))


def disclosure_of(data: Data) -> str:
    """How the persona says that it is an AI."""
    return reading.text(reading.table(data, "persona"), "disclosure", DISCLOSURE)


def within(text: str, ending: str, *, limit: int) -> str:
    """The text with its ending, cut at a word so that both fit."""
    words = text.split()
    while words and graphemes.count(f"{' '.join(words)} {ending}") > limit:
        words.pop()
    return f"{' '.join(words)} {ending}".strip()


def post(data: Data, dice: Dice) -> dict[str, Any]:
    """A post in the persona's voice, unlike the recent ones, with its disclosure."""
    recent = set(reading.texts(data, "recent"))
    topic = topic_of(data, dice)
    drawn = (_post_text(data, dice, topic) for _ in range(_REDRAWS))
    text = next((text for text in drawn if text not in recent), None) or _post_text(data, dice, topic)
    return {"text": text, "disclosure": disclosure_of(data), "sources": _sources(data), "topic": topic}


def _post_text(data: Data, dice: Dice, topic: str) -> str:
    observation = f"{dice.pick(phrases.SUBJECTS)} {dice.pick(phrases.VERBS)}"
    twist = fill(dice.pick(phrases.TWISTS), dice, topic=topic)
    parts = (
        f"{dice.pick(phrases.OPENERS)} {observation}, {twist}.",
        f"On {topic}: {fill(dice.pick(phrases.HOOKS), dice, topic=topic)}",
        dice.pick(phrases.CLOSERS),
        _catchphrase(data, dice),
    )
    return within(" ".join(part for part in parts if part), disclosure_of(data), limit=_limit(data))


def _catchphrase(data: Data, dice: Dice) -> str:
    """Each persona has two of its own, and uses them in one post of three."""
    persona = reading.table(data, "persona")
    own = Dice.of("voice", reading.text(persona, "name"), reading.text(persona, "voice"))
    return dice.pick(own.some(phrases.CATCHPHRASES, count=2)) if dice.chance(3_300) else ""


def _limit(data: Data) -> int:
    return reading.number(data, "limit_graphemes", LIMIT_GRAPHEMES)


def _sources(data: Data) -> list[str]:
    return [name for material in reading.tables(data, "materials") if (name := reading.text(material, "name"))]


def reply(data: Data, dice: Dice) -> dict[str, Any]:
    """An answer to a mention."""
    mention = reading.table(data, "mention")
    topic = topic_of(data, dice)
    text = f"{dice.pick(phrases.REPLY_OPENERS)}: {fill(dice.pick(phrases.REPLY_BODIES), dice, topic=topic)}."
    return {
        "text": within(text, disclosure_of(data), limit=_limit(data)),
        "disclosure": disclosure_of(data),
        "in_reply_to": reading.text(mention, "post_id") or reading.text(mention, "id"),
    }


def trends(data: Data, dice: Dice) -> dict[str, Any]:
    """What is talked about: from what the tools read, else from the persona's interests."""
    seen = [row for material in reading.tables(data, "materials") for row in _trend_rows(material)]
    if not seen:
        interests = reading.texts(reading.table(data, "persona"), "interests") or ("games",)
        seen = [{"topic": topic, "score_bp": dice.between(500, 3_000)} for topic in interests]
    return {"trends": seen[:100], "sources": _sources(data)}


def _trend_rows(material: Data) -> list[dict[str, Any]]:
    content = reading.table(material, "content")
    return [
        {"topic": topic, "score_bp": min(10_000, max(0, reading.number(row, "score_bp", 1_000)))}
        for row in reading.tables(content, "trends")
        if (topic := reading.text(row, "topic"))
    ]


def triage(data: Data, dice: Dice) -> dict[str, Any]:
    """What to do with a mention: questions are answered, provocations are not."""
    mention = reading.table(data, "mention")
    said = reading.text(mention, "text").casefold()
    if reading.number(mention, "thread_depth", reading.number(mention, "depth")) >= 4:
        return {"decision": "ignore", "reason": "the thread goes in circles"}
    if any(word in said for word in ("delete this", "ratio.", "bot opinion", "never finished")):
        return {"decision": "ignore", "reason": "a provocation"}
    if "?" in said:
        return {"decision": "answer", "reason": "a question to us"}
    return {"decision": dice.pick(("answer", "like", "like", "ignore")), "reason": "a friendly word"}


def episode(data: Data, dice: Dice) -> dict[str, Any]:
    """A repository's commit as an episode of the running cast."""
    commit = reading.table(data, "commit")
    title = reading.text(commit, "subject", topic_of(data, dice))
    cast = reading.texts(reading.table(data, "persona"), "cast") or ("the host", "the sceptic")
    topic = topic_of(data, dice)
    return {
        "title": f"Episode: {title}",
        "why_it_matters": f"Because {fill(dice.pick(phrases.REPLY_BODIES), dice, topic=topic)}.",
        "roundtable": [{"speaker": one, "line": fill(dice.pick(phrases.CHEERS), dice, topic=topic)} for one in cast],
        "figures": reading.table(commit, "figures"),
        "deep_dive": f"{dice.pick(phrases.OPENERS)} {fill(dice.pick(phrases.TWISTS), dice, topic=topic)}.",
        "next": dice.pick(phrases.CLOSERS),
        "distillation": f"{dice.pick(phrases.SUBJECTS)} {dice.pick(phrases.VERBS)}.",
        "disclosure": disclosure_of(data),
    }


def note(data: Data, dice: Dice) -> dict[str, Any]:
    """A note on a topic with its findings; every finding names its source."""
    topic = topic_of(data, dice)
    sources = _sources(data)
    findings = [
        {"claim": fill(dice.pick(phrases.FINDINGS), dice, topic=topic), "source": source} for source in sources[:5]
    ]
    return {"note": f"On {topic}: {len(findings)} findings.", "findings": findings, "sources": sources, "topic": topic}


def payment(data: Data, dice: Dice) -> dict[str, Any]:
    """A payment for a service, as asked for."""
    asked = reading.table(data, "payment") or dict(data)
    return {
        "recipient": reading.text(asked, "recipient", "render-farm"),
        "amount_micros": reading.number(asked, "amount_micros", dice.between(5, 40) * 100_000),
        "purpose": reading.text(asked, "purpose", "rendering a clip"),
    }


WRITERS: dict[str, Writer] = {
    "copy.post": post,
    "copy.reply": reply,
    "trend.scan": trends,
    "community.triage": triage,
    "chronicle.episode": episode,
    "research.note": note,
    "commerce.pay": payment,
}
