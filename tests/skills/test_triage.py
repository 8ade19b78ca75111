"""Triage on a labelled set, half of which (by the hash of its text) nobody looked at while the phrases were chosen."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import pytest

from chimera.skills.community.triage import Decision, triage

SET = Path(__file__).parent / "data" / "community.txt"
F1_MIN = 0.85


def rows(*, held_out: bool) -> list[tuple[str, str]]:
    lines = [line.split("|", 1) for line in SET.read_text("utf-8").splitlines() if line]
    return [(label, text) for label, text in lines if (hashlib.sha256(text.encode()).digest()[0] % 2 == 1) == held_out]


def macro_f1(pairs: list[tuple[str, str]]) -> float:
    right, said, meant = Counter[str](), Counter[str](), Counter[str]()
    for label, told in pairs:
        meant[label] += 1
        said[told] += 1
        right[label] += label == told
    scores = [2 * right[name] / (meant[name] + said[name]) for name in meant]
    return sum(scores) / len(scores)


def told(label: str, text: str) -> tuple[str, str]:
    return ("escalate" if label == "crisis" else label), str(triage(text).decision)


@pytest.mark.requirement("R-B4")
@pytest.mark.parametrize("held_out", [False, True])
def test_the_labelled_set_is_triaged(held_out: bool) -> None:
    chosen = rows(held_out=held_out)
    assert len(chosen) > 50
    assert macro_f1([told(label, text) for label, text in chosen]) >= F1_MIN


@pytest.mark.requirement("R-B4")
@pytest.mark.parametrize("held_out", [False, True])
def test_no_crisis_is_missed(held_out: bool) -> None:
    missed = [text for label, text in rows(held_out=held_out) if label == "crisis" and not triage(text).is_crisis]
    assert missed == []


def test_jokes_about_games_are_no_crisis() -> None:
    for text in ("this boss kills me every time, any tips?", "the ending of the game was great", "jump over the gap"):
        assert not triage(text).is_crisis


def test_need_comes_before_everything_else() -> None:
    assert triage("stop replying to me, I want to die").is_crisis
    assert triage("you idiot, I will kill myself").decision is Decision.ESCALATE


@pytest.mark.parametrize("text", ["", "@", "?" * 9, "\ud800", "a" * 100_000, "🙂"])
def test_odd_texts_have_an_answer(text: str) -> None:
    assert triage(text).reason
