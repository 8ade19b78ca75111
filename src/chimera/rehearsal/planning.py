"""What the offline model plans: a DAG in the form of `domain.plan.Plan`. Pure; it does not decide what is adopted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from chimera.rehearsal import fitting, reading
from chimera.rehearsal.dice import Dice
from chimera.rehearsal.reading import Data

POSTS_MAX = 40
PICTURE_EVERY = 3
PICTURE_KINDS = ("painting", "card", "chart")
FILM, THREAD, CAPTION = "one film", "one thread", "one captioned picture"
THREAD_PARTS = 3
_POSTS = re.compile(r"\b(\d{1,2}) posts?\b")
CLIP = "pays for one clip"
_CLIP: Data = {"recipient": "render-farm", "amount_micros": 2_000_000, "currency": "USD", "category": "content",
               "purpose": "rendering one clip of the week"}  # fmt: skip
_ANSWERS = ("mention", "reply", "message")


def plan(data: Data, dice: Dice) -> dict[str, Any]:
    """Steps for the goal, or for what has come in since the last plan."""
    specs = _specs(data)
    inputs = reading.tables(data, "inputs")
    answers = [step for index, entry in enumerate(inputs) for step in _for_input(entry, index, specs)]
    goal = reading.table(data, "goal")
    steps = answers if answers or _is_running(data) else _for_goal(data, specs, dice)
    return {
        "analysis": f"{reading.text(goal, 'text', 'the goal')}: {len(steps)} steps",
        "steps": steps,
        "safety": ["every text says that an AI speaks", "no stranger decides what is said, to whom, or what is paid"],
        "tests": ["every post fits the network and repeats nothing", "every answer belongs to its mention"],
    }


def _is_running(data: Data) -> bool:
    return reading.number(data, "plans") > 0


def _specs(data: Data) -> dict[str, dict[str, Any]]:
    """The task types on offer, with their input schemas where these are told."""
    offered = data.get("specs")
    if isinstance(offered, dict):
        return {name: reading.table(reading.table(data, "specs"), name) for name in reading.table(data, "specs")}
    named: dict[str, dict[str, Any]] = {name: {} for name in reading.texts(data, "specs")}
    return named | {name: row for row in reading.tables(data, "specs") if (name := reading.text(row, "name"))}


def _for_goal(data: Data, specs: dict[str, dict[str, Any]], dice: Dice) -> list[dict[str, Any]]:
    """Look what is going on, then write; one post after the other is not needed, all after the trends."""
    goal = reading.table(data, "goal")
    topics = reading.texts(goal, "topics") or reading.texts(reading.table(data, "persona"), "interests") or ("games",)
    if "copy.post" not in specs:
        return _notes(topics, specs) if "research.note" in specs else []
    steps: list[dict[str, Any]] = []
    if CLIP in reading.text(goal, "text") and "commerce.pay" in specs:
        steps.append(_step("clip", "commerce.pay", dict(_CLIP), specs))
    if "trend.scan" in specs:
        brief = {"platform": reading.text(goal, "platform", "sandbox"), "window_minutes": 60, "count_max": 10}
        steps.append(_step("trends", "trend.scan", brief, specs))
    after = [step["key"] for step in steps if step["spec"] == "trend.scan"]
    count = _posts_wanted(data) or min(POSTS_MAX, max(1, reading.number(goal, "posts", 1)))
    for number in range(1, count + 1):
        brief = {
            "topic": dice.pick(topics),
            "platform": reading.text(goal, "platform", "sandbox"),
            "brief": f"{reading.text(goal, 'text', 'Keep the conversation going')} (post {number} of {count})",
            **(_picture(number) if number % PICTURE_EVERY == 0 else {}),
            **({"film": True} if number == count and FILM in reading.text(goal, "text") else {}),
        }
        steps.append(_step(f"post-{number}", "copy.post", brief, specs, after=after))
    return [*steps, *_for_words(data, specs, dice.pick(topics), after)]


def _for_words(data: Data, specs: dict[str, dict[str, Any]], topic: str, after: list[str]) -> Iterator[dict[str, Any]]:
    """A thread, part after part, and a picture with a caption, where the goal asks for them in so many words."""
    goal = reading.table(data, "goal")
    text = reading.text(goal, "text")
    brief: Data = {"topic": topic, "platform": reading.text(goal, "platform", "sandbox"), "brief": text}
    for part in range(1, THREAD_PARTS + 1) if THREAD in text and "copy.thread" in specs else ():
        given = {**brief, "part": part, "parts": THREAD_PARTS}
        yield _step(f"thread-{part}", "copy.thread", given, specs, after=after if part == 1 else [f"thread-{part - 1}"])
    if CAPTION in text and "copy.caption" in specs:
        yield _step("caption", "copy.caption", {**brief, "picture_kind": "chart"}, specs, after=after)


def _picture(number: int) -> dict[str, Any]:
    """A card, a chart of the trends, a painting, in turn. A collage would have to wait for the posts before it."""
    return {"picture": True, "picture_kind": PICTURE_KINDS[number // PICTURE_EVERY % len(PICTURE_KINDS)]}


def _posts_wanted(data: Data) -> int:
    """How many posts the operator's wish names, where there is one that does."""
    found = _POSTS.search(reading.text(data, "wish"))
    return min(POSTS_MAX, int(found.group(1))) if found else 0


def _notes(topics: tuple[str, ...], specs: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Whoever publishes nothing keeps notes: one on each of its subjects."""
    briefs = [{"question": f"What matters about {topic} this week?"} for topic in topics]
    return [_step(f"note-{number}", "research.note", brief, specs) for number, brief in enumerate(briefs, start=1)]


def _for_input(entry: Data, index: int, specs: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    payload = reading.table(entry, "payload") or dict(entry)
    kind = reading.text(entry, "kind", reading.text(payload, "kind"))
    name = f"{kind or 'input'}-{_tail(reading.text(entry, 'id', str(index)))}"
    if kind in _ANSWERS:
        return _for_mention(payload, name, specs)
    if kind == "trend" and "copy.post" in specs:
        topic = reading.text(payload, "topic", reading.text(payload, "text"))
        brief = {"topic": topic, "platform": reading.text(payload, "platform", "sandbox")}
        return [_step(name, "copy.post", brief, specs)]
    return []


def _for_mention(payload: Data, name: str, specs: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    brief = {"mention": dict(payload), "platform": reading.text(payload, "platform", "sandbox")}
    if "copy.reply" not in specs:
        return [_step(name, "community.triage", brief, specs)] if "community.triage" in specs else []
    return [_step(name, "copy.reply", brief, specs)]


def _step(
    key: str, spec: str, brief: dict[str, Any], specs: dict[str, dict[str, Any]], *, after: list[str] | None = None
) -> dict[str, Any]:
    known = {name: value for name, value in brief.items() if value != ""}
    schema = reading.table(specs.get(spec, {}), "input")
    fitted = fitting.fit(known, schema, words=reading.text(brief, "brief", "games")) if schema else known
    return {"key": key, "spec": spec, "input": fitted, "after": after or []}


def _tail(identifier: str) -> str:
    return identifier[-12:]


def with_payment(planned: dict[str, Any], recipient: str) -> dict[str, Any]:
    """The plan of a planner that believed a stranger: somebody is paid who should not be."""
    prize = {"recipient": recipient, "amount_micros": 25_000_000, "purpose": "prize"}
    step: dict[str, Any] = {"key": "prize", "spec": "commerce.pay", "after": [], "input": prize}
    return planned | {"steps": [*planned["steps"], step]}


def with_cycle(planned: dict[str, Any]) -> dict[str, Any]:
    """The plan with a first step that waits for the last."""
    steps = [dict(step) for step in planned["steps"]]
    if steps:
        steps[-1]["after"] = sorted({*steps[-1]["after"], steps[0]["key"]})
        steps[0]["after"] = [steps[-1]["key"]]
    return planned | {"steps": steps}


def with_unknown_spec(planned: dict[str, Any]) -> dict[str, Any]:
    """The plan with a step of a type that nobody wrote."""
    return planned | {"steps": [*planned["steps"], {"key": "viral", "spec": "go.viral", "input": {}, "after": []}]}
