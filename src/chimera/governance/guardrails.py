"""Every model answer is a stranger's: parsed strictly, bounded, or not taken. Never repaired by guessing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from chimera.domain import canonical
from chimera.domain.errors import Invalid
from chimera.governance import texts

ANSWER_BYTES_MAX = 262_144
T = TypeVar("T")
LOOP_WORDS = 8
LOOP_REPEATS_MAX = 3
ECHO_WORDS = 3
_PARTS = re.compile(r"(?<=[.!?\n])(?=\s|\S)")


class Envelope(Struct, frozen=True, forbid_unknown_fields=True):
    """The form in which every model answers."""

    output: dict[str, Any]
    confidence_bp: int = 0


class Opinion(Struct, frozen=True, forbid_unknown_fields=True):
    """The form in which a judge model answers."""

    accepted: bool
    confidence_bp: int
    findings: tuple[str, ...] = ()


_ENVELOPE = msgspec.json.Decoder(Envelope)
_OPINION = msgspec.json.Decoder(Opinion)


def read_envelope(text: str) -> Envelope:
    """The answer of a worker's model, or `Invalid` that says why it was not taken."""
    envelope = _decoded(text, _ENVELOPE)
    canonical.require_plain(envelope.output, where="answer.output")
    _require_confidence(envelope.confidence_bp)
    return envelope


def read_opinion(text: str) -> Opinion:
    """The answer of a judge's model, or `Invalid`."""
    opinion = _decoded(text, _OPINION)
    canonical.require_plain(opinion.findings, where="answer.findings")
    _require_confidence(opinion.confidence_bp)
    return opinion


def _decoded(text: str, decoder: msgspec.json.Decoder[T]) -> T:
    if len(text) > ANSWER_BYTES_MAX:
        raise Invalid(
            "answer_too_long",
            f"the answer has {len(text)} characters",
            where="answer",
            remedy="the task is tried again by itself",
        )
    try:
        return decoder.decode(text)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise Invalid(
            "answer_malformed",
            f"the answer is not what was asked for: {error}",
            where="answer",
            remedy="the task is tried again by itself",
        ) from error


def _require_confidence(confidence_bp: int) -> None:
    if not 0 <= confidence_bp <= 10_000:
        raise Invalid(
            "confidence_out_of_range",
            f"{confidence_bp} is not between 0 and 10000",
            where="answer",
            remedy="the task is tried again by itself",
        )


def loops(text: str) -> bool:
    """Whether a text goes round in circles: the same run of words again and again."""
    words = text.split()
    # Every word of the second, third and fourth time was said before: with fewer repetitions nothing goes in circles.
    if len(words) - len(set(words)) < LOOP_WORDS + LOOP_REPEATS_MAX - 1:
        return False
    seen: dict[tuple[str, ...], int] = {}
    for i in range(len(words) - LOOP_WORDS + 1):
        run = tuple(words[i : i + LOOP_WORDS])
        seen[run] = seen.get(run, 0) + 1
        if seen[run] > LOOP_REPEATS_MAX:
            return True
    return False


def without_echoes(answer: str, flagged: Iterable[str]) -> str:
    """The answer without the sentences that only repeat what looked like an attack when it was read.

    A worker that believed a stranger says what the stranger wanted said. What is left is what it says of its own.
    """
    attacks = [f" {' '.join(texts.words(text))} " for text in flagged]
    if not attacks:
        return answer
    kept = [part for part in _PARTS.split(answer) if not _is_echo(part, attacks)]
    return "".join(kept)


def _is_echo(part: str, attacks: Iterable[str]) -> bool:
    runs = texts.shingles(part, size=ECHO_WORDS)
    return len(texts.words(part)) >= ECHO_WORDS and any(
        f" {' '.join(run)} " in attack for attack in attacks for run in runs
    )
