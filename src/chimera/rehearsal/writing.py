"""What the offline model writes when it behaves: one function per prompt, from grammar, persona and data. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from chimera.governance import graphemes
from chimera.rehearsal import phrases, reading
from chimera.rehearsal.dice import Dice
from chimera.rehearsal.reading import Data

Writer: TypeAlias = Callable[[Data, Dice], dict[str, Any]]

LIMIT_GRAPHEMES = 300
DISCLOSURE = "(AI persona)"
THREAD_DEPTH_MAX = 4
_REDRAWS = 4


def fill(template: str, dice: Dice, *, topic: str) -> str:
    """A sentence from a template."""
    return template.format(
        topic=topic,
        subject=dice.pick(phrases.SUBJECTS),
        verb=dice.pick(phrases.VERBS),
        number=dice.between(2, 97),
        name=dice.pick(phrases.GIVEN_NAMES),
    )


def topic_of(data: Data, dice: Dice) -> str:
    """What the answer is about: what is asked for, or one of the persona's interests."""
    asked = reading.text(data, "topic") or reading.text(reading.table(data, "topic"), "topic")
    return asked or dice.pick(_interests(data))


def _interests(data: Data) -> tuple[str, ...]:
    return reading.texts(reading.table(data, "persona"), "interests") or ("games",)


def disclosure_of(data: Data) -> str:
    """How the persona says that it is an AI."""
    return reading.text(reading.table(data, "persona"), "disclosure", DISCLOSURE)


def within(text: str, ending: str, *, limit: int) -> str:
    """The text with its ending, cut at a word so that both fit."""
    words = text.split()
    while words and graphemes.count(f"{' '.join(words)} {ending}") > limit:
        words.pop()
    return f"{' '.join(words)} {ending}".strip()


def drawn_out(text: str, *, limit: int) -> str:
    """The text again and again, until it is too long."""
    return " ".join([text] * (limit // max(1, len(text)) + 2))


def post(data: Data, dice: Dice) -> dict[str, Any]:
    """A post in the persona's voice, unlike the recent ones, with its disclosure."""
    recent = set(reading.texts(data, "recent"))
    topic = topic_of(data, dice)
    drawn = (_post_text(data, dice, topic) for _ in range(_REDRAWS))
    text = next((text for text in drawn if text not in recent), None) or _post_text(data, dice, topic)
    sources = list(reading.texts(data, "facts"))
    return {"text": text, "disclosure": disclosure_of(data), "sources": sources, "topic": topic}


def thread(data: Data, dice: Dice) -> dict[str, Any]:
    """One part of a thread: it counts, and only the last part closes."""
    topic, part, parts = topic_of(data, dice), reading.number(data, "part", 1), reading.number(data, "parts", 2)
    observation = f"{dice.pick(phrases.SUBJECTS)} {dice.pick(phrases.VERBS)}"
    begun = f"On {topic}, in {parts} parts: " if part == 1 else f"{dice.pick(phrases.OPENERS)} "
    ended = f" {dice.pick(phrases.CLOSERS)}" if part == parts else ""
    said = f"{begun}{observation}, {fill(dice.pick(phrases.TWISTS), dice, topic=topic)}.{ended}"
    text = within(said, disclosure_of(data), limit=_limit(data))
    return {"text": text, "sources": list(reading.texts(data, "facts"))}


def caption(data: Data, dice: Dice) -> dict[str, Any]:
    """A sentence under a picture."""
    topic = topic_of(data, dice)
    said = f"{dice.pick(phrases.SUBJECTS).capitalize()} {dice.pick(phrases.VERBS)}. {dice.pick(phrases.CLOSERS)}"
    text = within(f"{topic.capitalize()}: {said}", disclosure_of(data), limit=_limit(data))
    return {"text": text, "sources": list(reading.texts(data, "facts"))}


def _post_text(data: Data, dice: Dice, topic: str) -> str:
    observation = f"{dice.pick(phrases.SUBJECTS)} {dice.pick(phrases.VERBS)}"
    twist = fill(dice.pick(phrases.TWISTS), dice, topic=topic)
    parts = (
        f"{dice.pick(phrases.OPENERS)} {observation}, {twist}.",
        f"On {topic}: {fill(dice.pick(phrases.HOOKS), dice, topic=topic)}",
        dice.pick(phrases.ENDINGS.get(reading.text(data, "style"), phrases.CLOSERS)),
        _catchphrase(data, dice),
    )
    return within(" ".join(part for part in parts if part), disclosure_of(data), limit=_limit(data))


def _catchphrase(data: Data, dice: Dice) -> str:
    """Each persona has two of its own, and uses them in one post of three."""
    if not dice.chance(3_300):
        return ""
    persona = reading.table(data, "persona")
    own = Dice.of("voice", reading.text(persona, "name"), reading.text(persona, "voice"))
    return dice.pick(own.some(phrases.CATCHPHRASES, count=2))


def _limit(data: Data) -> int:
    return reading.number(data, "limit_graphemes", LIMIT_GRAPHEMES)


def _sources(data: Data) -> list[str]:
    given = list(reading.texts(data, "sources"))
    return given or [name for material in reading.tables(data, "materials") if (name := reading.text(material, "name"))]


def reply(data: Data, dice: Dice) -> dict[str, Any]:
    """An answer to a mention."""
    mention = reading.table(data, "mention") or data
    topic = topic_of(data, dice)
    text = f"{dice.pick(phrases.REPLY_OPENERS)}: {fill(dice.pick(phrases.REPLY_BODIES), dice, topic=topic)}."
    more = f"{dice.pick(phrases.SUBJECTS).capitalize()} {dice.pick(phrases.VERBS)}, by the way."
    return {
        "text": within(f"{text} {more}" if dice.chance(6_000) else text, disclosure_of(data), limit=_limit(data)),
        "disclosure": disclosure_of(data),
        "in_reply_to": reading.text(mention, "post_id") or reading.text(mention, "id"),
    }


def trends(data: Data, dice: Dice) -> dict[str, Any]:
    """What is talked about: from what the tools read, else from the persona's interests."""
    seen = {str(row["topic"]): row for content in _contents(data) for row in _trend_rows(content)}
    if not seen:
        interests = reading.texts(data, "interests") or _interests(data)
        seen = {topic: _trend(topic, dice.between(500, 3_000)) for topic in interests}
    return {"trends": list(seen.values())[: reading.number(data, "count_max", 100)], "sources": _sources(data)}


def _contents(data: Data) -> list[Data]:
    return [data, *(reading.table(material, "content") for material in reading.tables(data, "materials"))]


def _trend_rows(content: Data) -> list[dict[str, Any]]:
    return [
        _trend(topic, min(10_000, max(0, reading.number(row, "score_bp", 1_000)))) | _examples(row)
        for row in reading.tables(content, "trends")
        if (topic := reading.text(row, "topic"))
    ]


def _examples(row: Data) -> dict[str, Any]:
    examples = [text[:500] for text in reading.texts(row, "examples")[:5]]
    return {"examples": examples} if examples else {}


def _trend(topic: str, score_bp: int) -> dict[str, Any]:
    return {"topic": topic, "score_bp": score_bp, "why": "more posts than is usual for this hour"}


def triage(data: Data, dice: Dice) -> dict[str, Any]:
    """What to do with a mention: questions are answered, provocations are not."""
    mention = reading.table(data, "mention") or data
    said = reading.text(mention, "text").casefold()
    if reading.number(mention, "thread_depth", reading.number(mention, "depth")) >= THREAD_DEPTH_MAX:
        return {"decision": "ignore", "reason": "the thread goes in circles"}
    if _is_provocation(said):
        return {"decision": "ignore", "reason": "a provocation"}
    if "?" in said:
        return {"decision": "answer", "reason": "a question to us"}
    return {"decision": dice.pick(("answer", "like", "like", "ignore")), "reason": "a friendly word"}


def _is_provocation(said: str) -> bool:
    return any(word in said for word in ("delete this", "ratio.", "bot opinion", "never finished", "nobody asked"))


def like(data: Data, dice: Dice) -> dict[str, Any]:
    """Whether a post is worth a like."""
    if _is_provocation(reading.text(data, "text").casefold()):
        return {"like": False, "reason": "it looks for a quarrel"}
    return {"like": dice.chance(8_000), "reason": "a kind word about something that we care for"}


def episode(data: Data, dice: Dice) -> dict[str, Any]:
    """A repository's commit as an episode of the running cast."""
    topic = topic_of(data, dice)
    figures = reading.table(data, "figures")
    files, added, removed = (reading.number(figures, name) for name in ("files", "added", "removed"))
    return {
        "title": f"Episode: {reading.text(data, 'subject', topic)}"[:200],
        "why": f"Because {fill(dice.pick(phrases.REPLY_BODIES), dice, topic=topic)}.",
        "roundtable": _roundtable(data, dice, topic),
        "figures": f"{files} files, {added} lines added, {removed} removed.",
        "deep_dive": f"{dice.pick(phrases.OPENERS)} {fill(dice.pick(phrases.TWISTS), dice, topic=topic)}.",
        "next": dice.pick(phrases.CLOSERS),
        "distillation": f"{dice.pick(phrases.SUBJECTS).capitalize()} {dice.pick(phrases.VERBS)}.",
        "disclosure": disclosure_of(data),
    }


def _roundtable(data: Data, dice: Dice, topic: str) -> list[dict[str, Any]]:
    cast = reading.texts(data, "cast") or reading.texts(reading.table(data, "persona"), "cast")
    speakers = [one.split(",")[0].split(":")[0] for one in cast[:12]] if len(cast) > 1 else ["the host", "the sceptic"]
    lines = dice.some(phrases.REPLY_BODIES, count=len(speakers))
    return [
        {"speaker": speaker, "line": fill(line, dice, topic=topic)}
        for speaker, line in zip(speakers, lines, strict=False)
    ]


def note(data: Data, dice: Dice) -> dict[str, Any]:
    """A note on a topic with its findings; every finding names its source: what it was given, else what was asked."""
    topic = reading.text(data, "question", topic_of(data, dice))
    sources = _sources(data) or [topic]
    findings = [
        {"claim": fill(dice.pick(phrases.FINDINGS), dice, topic=topic), "source": source} for source in sources[:5]
    ]
    told = "; ".join(str(finding["claim"]) for finding in findings)
    return {"note": f"On {topic}: {told}.", "findings": findings, "sources": sources, "topic": topic}


def payment(data: Data, dice: Dice) -> dict[str, Any]:
    """A payment for a service, exactly as asked for, with a reason."""
    asked = reading.table(data, "payment") or data
    purpose = reading.text(asked, "purpose", "rendering a clip")
    return {
        "recipient": reading.text(asked, "recipient", "render-farm"),
        "amount_micros": reading.number(asked, "amount_micros", dice.between(5, 40) * 100_000),
        "currency": reading.text(asked, "currency", "USD"),
        "purpose": purpose,
        "category": reading.text(asked, "category", "content"),
        "reason": f"The campaign needs {purpose}, and this was the best offer for it.",
    }


def comparison(data: Data, dice: Dice) -> dict[str, Any]:
    """Whichever offers say anything of what is needed; the house compares the prices."""
    need = set(reading.text(data, "need").casefold().split())
    offers = reading.tables(data, "offers")
    meets = [reading.text(one, "recipient") for one in offers
             if need & {word.strip(".,") for word in reading.text(one, "words").casefold().split()}]  # fmt: skip
    reason = f"{dice.pick(phrases.OPENERS)} the others do not say that they do what is needed."
    return {"meets": meets, "choice": "", "price_micros": 0, "reason": reason}


def invoice(data: Data, dice: Dice) -> dict[str, Any]:
    """The letter of an invoice; the house writes the figures."""
    items = ", ".join(reading.text(one, "words") for one in reading.tables(data, "items"))
    return {"letter": f"Thank you for working with us. This is for: {items}. {dice.pick(phrases.CLOSERS)}"}


def report(data: Data, dice: Dice) -> dict[str, Any]:
    """What the figures of a campaign say, in words without a figure."""
    figures = reading.table(data, "figures")
    topic = reading.text(figures, "best_topic")
    done = (
        "brought in more than it cost" if reading.number(figures, "return_bp") > 0 else "cost more than it brought in"
    )
    lessons = [f"Say more about {topic}."] if topic else []
    return {"summary": f"The campaign {done}. {dice.pick(phrases.CLOSERS)}", "lessons": lessons, "figures": figures}


WRITERS: dict[str, Writer] = {
    "copy.post": post,
    "copy.thread": thread,
    "copy.caption": caption,
    "copy.reply": reply,
    "trend.scan": trends,
    "community.triage": triage,
    "community.like": like,
    "chronicle.episode": episode,
    "research.note": note,
    "commerce.compare": comparison,
    "commerce.invoice": invoice,
    "commerce.pay": payment,
    "analytics.report": report,
}
