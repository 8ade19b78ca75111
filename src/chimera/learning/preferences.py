"""Which text is better than which, from what people ruled and from judges asked in both orders. Trains nothing."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from typing import Any, Literal

import msgspec
from msgspec import Struct

from chimera.domain.attempt import Attempt
from chimera.domain.prompt import Prompt
from chimera.domain.review import Review
from chimera.governance import guardrails
from chimera.ports.model import Model, ModelRequest
from chimera.ports.store import LIST_MAX, Reads, every

COMPARE_COST_MICROS_MAX = 20_000
COMPARE = "compare"
FIRST, SECOND = "first", "second"
# How the sources of what people said begin.
HUMAN = "human-"
_OUTPUT: dict[str, Any] = {
    "type": "object",
    "properties": {"better": {"type": "string", "enum": [FIRST, SECOND]}},
    "required": ["better"],
    "additionalProperties": False,
}


class Preference(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One text was preferred to another for the same task: a row for DPO."""

    prompt: str
    chosen: str
    rejected: str
    source: str = "human-edit"


class Opinion(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One text was right or not: a row for KTO."""

    prompt: str
    completion: str
    label: bool
    source: str = "human-ruling"


class Rows(Struct, frozen=True, kw_only=True):
    """What people's rulings teach."""

    preferences: tuple[Preference, ...]
    opinions: tuple[Opinion, ...]


async def rows_in(reads: Reads) -> Rows:
    """An edit prefers the person's words to ours; an approval or a rejection is an opinion."""
    opinions: list[Opinion] = []
    preferences: list[Preference] = []
    async for review in every(reads, Review):
        text = str(review.question.action.arguments.get("text", ""))
        if not text or review.about == "doubt":
            continue
        prompt = f"{review.question.spec.name} for {review.question.action.platform}"
        if review.outcome in ("approved", "rejected"):
            opinions.append(Opinion(prompt=prompt, completion=text, label=review.outcome == "approved"))
        if review.outcome == "edited":
            preferences.extend([one async for one in _edits(reads, review, prompt, text)])
    return Rows(preferences=tuple(preferences), opinions=tuple(opinions))


async def _edits(reads: Reads, review: Review, prompt: str, text: str) -> AsyncGenerator[Preference]:
    for attempt in await reads.list(Attempt, scope=review.task_id, limit=LIST_MAX):
        before = str(attempt.draft.output.get("text", ""))
        if before and before != text:
            yield Preference(prompt=prompt, chosen=text, rejected=before)


class Comparer:
    """Asks a judge model which of two texts is better, in both orders. A judge that changes its mind has none."""

    def __init__(self, *, model: Model, prompt: Prompt) -> None:
        self._model = model
        self._prompt = prompt

    async def compare(self, prompt: str, one: str, other: str) -> Preference | None:
        """The preference, or nothing when the two answers disagree."""
        ahead = await self._better(prompt, one, other)
        behind = await self._better(prompt, other, one)
        if ahead == behind:
            return None
        chosen, rejected = (one, other) if ahead == FIRST else (other, one)
        return Preference(prompt=prompt, chosen=chosen, rejected=rejected, source=f"ai:{self._prompt.ref}")

    async def _better(self, prompt: str, first: str, second: str) -> str:
        request = ModelRequest(
            prompt=self._prompt.name, instructions=self._prompt.text, output=_OUTPUT,
            data={"task": prompt, FIRST: first, SECOND: second},
            task_id=COMPARE, agent_id=COMPARE, cost_micros_max=COMPARE_COST_MICROS_MAX,
        )  # fmt: skip
        answer = await self._model.complete(request)
        return msgspec.convert(guardrails.read_envelope(answer.text).output, _Better).better


class _Better(Struct, frozen=True, forbid_unknown_fields=True):
    better: Literal["first", "second"]


def in_format(rows: Rows, form: str) -> bytes:
    """The rows as TRL reads them, one JSON object a line: `prompt/chosen/rejected` or `prompt/completion/label`."""
    if form == "dpo":
        return _lines(
            {"prompt": one.prompt, "chosen": one.chosen, "rejected": one.rejected} for one in rows.preferences
        )
    return _lines({"prompt": one.prompt, "completion": one.completion, "label": one.label} for one in rows.opinions)


def _lines(rows: Iterable[dict[str, Any]]) -> bytes:
    return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)


def card_of(rows: Rows, form: str) -> str:
    """What is in the file, and what it may not be taken for."""
    count = len(rows.preferences) if form == "dpo" else len(rows.opinions)
    sources = sorted({one.source for one in (rows.preferences if form == "dpo" else rows.opinions)})
    right = sum(one.label for one in rows.opinions)
    balance = "" if form == "dpo" else f"\nLabelled right: {right} of {count}.\n"
    said = ", ".join(sources) or "none"
    return (
        f"# Data card\n\nFormat: TRL, {form.upper()}. Rows: {count}. Sources: {said}.\n{balance}\n"
        "From rulings of people in one installation's reviews. What needed no person is not in it:\n"
        "it is no picture of all that was published. Texts may hold words of strangers; they are data,\n"
        "and stay under this installation's rules on erasure: export again after an erasure, and delete older copies.\n"
    )
