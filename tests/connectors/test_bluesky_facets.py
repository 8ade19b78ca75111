"""What is a link, a handle or a tag in a text, and where it stands in bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera.connectors.bluesky.facets import marks
from chimera.connectors.bluesky.keys import ALPHABET, LENGTH, record_key

pytestmark = pytest.mark.requirement("R-N5")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see https://example.org/a.", [("link", "https://example.org/a", "https://example.org/a")]),
        ("(https://example.org/a_(b))", [("link", "https://example.org/a_(b)", "https://example.org/a_(b)")]),
        ("see example.org/notes, now", [("link", "https://example.org/notes", "example.org/notes")]),
        ("e.g. this and that", []),
        ("Grüße an @mila.test!", [("handle", "mila.test", "@mila.test")]),
        ("mail nova@mila.test", []),
        ("#coop, #2024 and #größe", [("tag", "coop", "#coop"), ("tag", "größe", "#größe")]),
        ("https://example.org/#top by @mila.test", [
            ("link", "https://example.org/#top", "https://example.org/#top"), ("handle", "mila.test", "@mila.test")]),
    ],
)  # fmt: skip
def test_marks_are_found_where_they_stand(text: str, found: list[tuple[str, str, str]]) -> None:
    told = [(mark.kind, mark.value, text.encode()[mark.start : mark.end].decode()) for mark in marks(text)]
    assert told == found


@given(st.text(max_size=400))
def test_no_text_breaks_it_and_no_mark_leaves_the_text(text: str) -> None:
    ends = [0]
    for mark in marks(text):
        assert ends[-1] <= mark.start < mark.end <= len(text.encode())
        ends.append(mark.end)


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_record_key_has_the_form_of_a_time_and_belongs_to_one_key(one: str, other: str) -> None:
    made = record_key(one)
    assert len(made) == LENGTH
    assert set(made) <= set(ALPHABET)
    assert made[0] in "234567abcdefghij"
    assert (made == record_key(other)) is (one == other)
