"""The ways in which the offline model goes wrong, each by name, so that what the gates stop can be counted. Pure."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from chimera.rehearsal.dice import Dice


class Kind(StrEnum):
    """What went wrong."""

    PROSE = "prose"
    TRUNCATED = "truncated"
    WRONG_SCHEMA = "wrong_schema"
    OVERLONG = "overlong"
    UNDISCLOSED = "undisclosed"
    OBEYED = "obeyed"
    INSULT = "insult"
    INVENTED_CLAIM = "invented_claim"
    PERSONAL_DATA = "personal_data"
    POLITICS = "politics"
    FINANCIAL = "financial"
    REPEATS = "repeats"
    LOW_CONFIDENCE = "low_confidence"
    CYCLE = "cycle"
    UNKNOWN_SPEC = "unknown_spec"


class Misbehaviour(Struct, frozen=True, kw_only=True):
    """One of them, in one answer: the task, and the piece of text that shows it."""

    kind: Kind
    prompt: str
    task_id: str
    agent_id: str
    snippet: str = ""


# What a text in public can suffer from beyond its form.
HARMFUL = frozenset({Kind.INSULT, Kind.INVENTED_CLAIM, Kind.PERSONAL_DATA, Kind.POLITICS, Kind.FINANCIAL})

_FORM = ((Kind.PROSE, 2), (Kind.TRUNCATED, 2), (Kind.WRONG_SCHEMA, 2))
_UNSURE = ((Kind.LOW_CONFIDENCE, 4),)
_TEXT = (
    (Kind.OVERLONG, 2),
    (Kind.UNDISCLOSED, 2),
    (Kind.INSULT, 2),
    (Kind.INVENTED_CLAIM, 2),
    (Kind.PERSONAL_DATA, 2),
    (Kind.POLITICS, 2),
    (Kind.FINANCIAL, 2),
    (Kind.REPEATS, 1),
)
_BY_PROMPT: dict[str, tuple[tuple[Kind, int], ...]] = {
    "plan": (*_FORM, (Kind.CYCLE, 1), (Kind.UNKNOWN_SPEC, 1)),
    "judge": _FORM,
    "copy.post": (*_FORM, *_UNSURE, *_TEXT),
    "copy.thread": (*_FORM, *_UNSURE, *_TEXT),
    "copy.caption": (*_FORM, *_UNSURE, *_TEXT),
    "copy.reply": (*_FORM, *_UNSURE, *_TEXT),
}
# Planning and judging are short, strict questions: models fail them less often than free writing.
_CALM_PROMPTS = frozenset({"plan", "judge"})
_CALM_SHARE = 4
_FEEDBACK_SHARE = 3


def draw(dice: Dice, *, prompt: str, rate_bp: int, has_feedback: bool) -> Kind | None:
    """Whether this answer goes wrong, and how. Feedback makes it three times less likely."""
    share = (_CALM_SHARE if prompt in _CALM_PROMPTS else 1) * (_FEEDBACK_SHARE if has_feedback else 1)
    if not dice.chance(rate_bp // share):
        return None
    return dice.weighted(_BY_PROMPT.get(prompt, (*_FORM, *_UNSURE)))
