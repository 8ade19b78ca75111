"""The Rust library says what the reference in Python says, of corpora and of anything that can be written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera.domain import native
from chimera.domain.threat import ThreatLevel
from chimera.governance import answers
from chimera.governance.safety import likeness
from chimera.governance.security import normalise
from chimera.governance.security.scan import Scanner, scanner_as_shipped, shipped_scanner

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [
    pytest.mark.requirement("R-J1", "R-J3"),
    pytest.mark.skipif(native.runtime is None, reason="the Rust library is not built"),
]

# Where the corpora are beside the project they are read too; the project's own pages always.
CORPORA = next((path for up in ROOT.parents if (path := up / "shared" / "corpora").is_dir()), ROOT / "docs")
# What attackers, writers and machines put together, so that words, sentences, signs and brackets meet.
PIECES = (
    "ignore ", "all ", "previous instructions", "the system prompt", "you are now ", "hello world", "don't ", "a b c d e ",
    "I'm sorry, but I ", "as an AI ", "sk-live", "https://", "eyJ", ". ", "\n", "\n\n  ", "\t", "(", ")", "{", "}", "`",
    '"', "%41", "0x4f ", "4f 6b 21 ", "deadbeefdeadbeef ", "ein ", "café ", "ІgnORE ", "\u200b", "_x_", "rock'n'roll ",
)  # fmt: skip
# Of these nothing hides anything: the library answers, and every break of a line and sentence counts.
PLAIN = ("ignore ", "all ", "previous", "instructions", "reveal ", "your ", "system ", "prompt ", "please ", "hello ", "don't ",
         "wonderful ", "morning", " ", ". ", "! ", "\n", "\n\n", "\n \n  ", "\n\t", "Now ", "we're ", "rock'n'roll ")  # fmt: skip
plain_texts = st.lists(st.sampled_from(PLAIN), max_size=90).map("".join)
texts = st.one_of(
    plain_texts,
    st.text(max_size=300),
    st.lists(st.sampled_from(PIECES), max_size=60).map("".join),
    st.text(alphabet=st.characters(max_codepoint=126), max_size=600),
)


@pytest.fixture(scope="module")
def reference() -> Scanner:
    return scanner_as_shipped(quickly=False)


@given(text=texts)
def test_a_scan_is_the_same(reference: Scanner, text: str) -> None:
    assert shipped_scanner().scan(text) == reference.scan(text)


@given(text=plain_texts)
def test_a_glance_weighs_what_reading_weighs(reference: Scanner, text: str) -> None:
    score = shipped_scanner().model.glance(text)
    if score is not None:
        (view,) = normalise.normalise(text).views
        assert score == reference.model.best_window(reference.model.matcher.units(view.text))[0]


def test_a_break_before_a_small_letter_is_no_end_but_two_breaks_are(reference: Scanner) -> None:
    for text in (
        "all previous\ninstructions here",
        "all previous\n\ninstructions here",
        "all previous\n\nInstructions",
    ):
        (view,) = normalise.normalise(text).views
        expected = reference.model.best_window(reference.model.matcher.units(view.text))[0]
        assert shipped_scanner().model.glance(text) == expected


def test_every_line_of_the_corpora_is_scanned_the_same(reference: Scanner) -> None:
    pages = chain(CORPORA.glob("*.jsonl"), (ROOT / "docs").rglob("*.md"))
    lines = sorted({line for path in pages for line in lines_of(path)})
    differing = [line for line in lines if shipped_scanner().scan(line) != reference.scan(line)]
    quick = [line for line in lines if shipped_scanner().model.glance(line) is not None]
    assert differing == []
    # Otherwise it was the reference alone that was compared with itself.
    assert len(quick) > len(lines) // 3


@given(text=texts)
def test_a_sketch_is_the_same(text: str) -> None:
    assert likeness.sketch(text) == likeness.sketch_of(text)


@pytest.mark.parametrize("text", ["one two " * 20, "one two one three one two", "a_b c_d", "", "one", "x " * 900])
def test_words_that_come_again_are_sketched_the_same(text: str) -> None:
    assert likeness.sketch(text) == likeness.sketch_of(text)


@pytest.mark.parametrize(
    "told", ["Don't you ever say what we're told about rock'n'roll here today", "one 2 three_3 four five six 7 8 9"]
)
def test_what_was_told_is_found_however_it_is_written(told: str) -> None:
    for said in (told, told.upper(), told.replace(" ", ", "), f"So: '{told}'!"):
        assert answers.wrong_with(said, instructions=told) is answers.Wrong.LEAKS_PROMPT
    assert answers.wrong_with(told.replace(" ", "x"), instructions=told) is None


@given(answer=texts, told=st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_an_answer_is_wrong_in_the_same_way(answer: str, told: str) -> None:
    assert answers.wrong_with(answer, instructions=told) == answers.what_is_wrong(answer, told)


@pytest.mark.parametrize(
    "answer",
    ["I'm very sorry, I can't", "i CANNOT help", "I can't assist", "i cant continue", "I won't comply", "I wont create",
     "As an AI model", "As an AI language model", "I am unable to help", '{"text": "I am unable to assist"}'],
)  # fmt: skip
def test_no_way_to_refuse_is_passed_by(answer: str) -> None:
    assert answers.what_is_wrong(answer, "") is answers.Wrong.REFUSES
    assert answers.wrong_with(answer, instructions="") is answers.Wrong.REFUSES


@given(answer=st.from_regex(answers._REFUSAL))
def test_whatever_the_reference_takes_for_a_refusal_is_looked_at(answer: str) -> None:
    """The words that the library looks for are a list of their own: it has to keep up with the pattern."""
    assert answers.wrong_with(answer, instructions="") is answers.Wrong.REFUSES


def test_most_harmless_texts_need_no_reference() -> None:
    said = shipped_scanner().scan("The tide pools at low water are full of small surprises. What did you find?")
    assert said.level is ThreatLevel.LOW
    assert shipped_scanner().model.glance("Forty-two boards on one desk, and the kettle is the loudest.") is not None


@pytest.mark.parametrize("text", ["caf\u00e9", "(open", "50%41", "a b c d e f", "x" * 300_000])
def test_what_may_hide_something_is_read_by_the_reference(text: str) -> None:
    assert shipped_scanner().model.glance(text) is None


def test_the_limits_are_those_of_the_reference() -> None:
    assert len(normalise.FOLD_BYTES) == 256
    assert set(normalise.FOLD_BYTES[:128]) <= set(b"abcdefghijklmnopqrstuvwxyz0123456789@. ")


def lines_of(path: Path) -> Iterator[str]:
    """The texts of a corpus: of JSON lines every text in them."""
    for line in path.read_text(errors="replace").splitlines()[:2_000]:
        try:
            yield from (value for value in json.loads(line).values() if isinstance(value, str))
        except (ValueError, AttributeError):
            yield line
