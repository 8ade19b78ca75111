"""Which of the fleet's own drafts for one task is better: a judge is asked in both orders, people's word comes first.

Trains nothing. Drafts about a person, and secret ones, are shown to no judge for this.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from itertools import pairwise

from msgspec import Struct

from chimera.domain import labels
from chimera.domain.agent import Agent
from chimera.domain.attempt import Attempt
from chimera.domain.errors import Invalid
from chimera.domain.subjects import author_of
from chimera.domain.task import Task
from chimera.governance import guardrails
from chimera.learning.preferences import Comparer, Preference, Rows, rows_in
from chimera.ports.store import LIST_MAX, Reads, every

TEXT = "text"


class Pair(Struct, frozen=True, kw_only=True):
    """Two texts that were written for the same task."""

    prompt: str
    one: str
    other: str


class Judgements(Struct, frozen=True, kw_only=True):
    """Preferences, those of people first; and about how many pairs the judge changed its mind."""

    human: tuple[Preference, ...]
    judged: tuple[Preference, ...]
    disagreed: int


async def judgements(reads: Reads, comparer: Comparer, *, pairs_max: int) -> Judgements:
    """Ask about so many pairs of drafts at most; where the judge disagrees with itself, nothing is learned."""
    human = (*gold_in(await rows_in(reads)), *await _examples_in(reads))
    judged: list[Preference] = []
    asked = 0
    async for pair in drafts_in(reads):
        if asked == pairs_max:
            break
        asked += 1
        if found := await comparer.compare(pair.prompt, pair.one, pair.other):
            judged.append(found)
    return Judgements(human=human, judged=tuple(judged), disagreed=asked - len(judged))


def gold_in(rows: Rows) -> tuple[Preference, ...]:
    """What people said: their edits; and what they approved before what they rejected, of the same kind of task."""
    approved = [one for one in rows.opinions if one.label]
    rejected = [one for one in rows.opinions if not one.label]
    ruled: list[Preference] = []
    for prompt in dict.fromkeys(one.prompt for one in rejected):
        good = [one.completion for one in approved if one.prompt == prompt]
        bad = [one.completion for one in rejected if one.prompt == prompt]
        ruled.extend(Preference(prompt=prompt, chosen=one, rejected=other, source="human-ruling")
                     for one, other in zip(good, bad, strict=False))  # fmt: skip
    return (*rows.preferences, *ruled)


async def _examples_in(reads: Reads) -> tuple[Preference, ...]:
    """What people wrote into constitutions: every text that keeps one before every text that breaks it."""
    found: list[Preference] = []
    async for agent in every(reads, Agent):
        good = [text for rule in agent.persona.rules for text in rule.good]
        bad = [text for rule in agent.persona.rules for text in rule.bad]
        found.extend(Preference(prompt="constitution", chosen=one, rejected=other, source="human-constitution")
                     for one in good for other in bad)  # fmt: skip
    return tuple(dict.fromkeys(found))


async def drafts_in(reads: Reads) -> AsyncGenerator[Pair]:
    """Drafts of the same task side by side: those that were chosen from, and each before its revision."""
    async for task in every(reads, Task):
        if author_of(task.input):
            continue
        attempts = await reads.list(Attempt, scope=task.id, limit=LIST_MAX)
        open_ones = [one for one in attempts if not labels.is_secret(one.draft.labels)]
        texts = list(dict.fromkeys(text for one in open_ones for text in _texts_of(one)))
        prompt = f"{task.spec.name} for {_platform_of(open_ones)}"
        for one, other in pairwise(texts):
            yield Pair(prompt=prompt, one=one, other=other)


def _platform_of(attempts: Sequence[Attempt]) -> str:
    return next((one.draft.action.platform for one in attempts if one.draft.action), "the house")


def _texts_of(attempt: Attempt) -> Iterator[str]:
    """What its model wrote, and what was handed in; a text that only lacked the disclosure is not told twice."""
    handed = str(attempt.draft.output.get(TEXT, ""))
    for call in attempt.calls:
        written = _written(call.answer) if call.kind == "model" else ""
        if written and not handed.startswith(written):
            yield written
    if handed:
        yield handed


def _written(answer: str) -> str:
    try:
        return str(guardrails.read_envelope(answer).output.get(TEXT, "")).rstrip()
    except Invalid:
        return ""
