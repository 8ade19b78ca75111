"""Masking keeps meaning and leaves nothing; no text breaks it; the corpus is told as well as promised."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chimera.bench.privacy_evaluation import evaluate
from chimera.governance.privacy.found import Found
from chimera.governance.privacy.mask import REDACT_CHARS_MAX, UNREAD, mask, redact
from chimera.governance.privacy.recognise import BY_NAME, find
from tests.examples import examples
from tests.governance.privacy.test_recognisers import PAIRS

FUZZ_ROUNDS = 10_000
CORPUS = next(
    (path for up in Path(__file__).parents if (path := up / "shared" / "corpora" / "pii_dev.jsonl").exists()), None
)
F1_MIN = 0.90
WHOLE = [around.format(value) for _, value, around, _ in PAIRS]
ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()), max_size=120)
# Texts that are nearly something: what breaks a recogniser is seldom pure noise.
NEARLY = st.lists(st.one_of(ANY_TEXT, st.sampled_from(WHOLE), st.sampled_from(list(" .,:;-@/()[]+0İ"))), max_size=6)


@pytest.mark.requirement("R-D5")
@given(NEARLY.map("".join))
@settings(max_examples=examples(500), deadline=None)
def test_findings_lie_in_the_text_and_masking_leaves_none(text: str) -> None:
    found = find(text)
    end = 0
    for one in found:
        assert end <= one.start < one.end <= len(text)
        assert one.type in BY_NAME
        end = one.end
    assert find(text) == found
    clean = redact(text)
    assert find(clean) == ()
    assert redact(clean) == clean


@pytest.mark.requirement("R-D5")
def test_mutated_inputs_do_not_break_it() -> None:
    dice = random.Random(11)
    signs = [chr(code) for code in range(32, 127)] + list("\n\t\0é中İ\ud800\u200b１٣")
    for _ in range(FUZZ_ROUNDS):
        text = list("  ".join(dice.sample(WHOLE, 2)))
        for _ in range(dice.randint(1, 8)):
            place = dice.randrange(len(text))
            text[place : place + dice.randint(0, 2)] = dice.choices(signs, k=dice.randint(0, 3))
        written = "".join(text)
        for one in find(written):
            assert 0 <= one.start < one.end <= len(written)
        assert find(redact(written)) == ()


@pytest.mark.requirement("R-D5")
def test_masking_keeps_meaning_and_one_person_is_one_placeholder() -> None:
    text = "I'm Maria Silva. Dear Mrs. Weber, Maria paid with 4111 1111 1111 1111; ask ma@ex.com or bo@ex.com."
    clean = redact(text)
    assert "[card ending 1111]" in clean
    assert clean.count("[person 1]") == 2
    assert "[person 2]" in clean
    assert "[email 1] or [email 2]" in clean


def test_a_second_masking_does_not_reuse_a_number() -> None:
    text = "[person 1] met Maria Silva"
    assert mask(text, find(text)) == "[person 1] met [person 2]"


def test_what_is_beyond_the_limit_is_left_out_and_not_left_as_it_is() -> None:
    text = redact("x " * REDACT_CHARS_MAX + "ana@example.com")
    assert len(text) == REDACT_CHARS_MAX
    assert text.endswith(UNREAD)


def test_overlapping_findings_are_masked_once() -> None:
    found = (Found("phone", 2, 8, 9_000, "x"), Found("card", 0, 6, 9_000, "x"))
    assert mask("abcdefghij", found) == "[card ending cdef]ghij"


@pytest.mark.requirement("R-D5")
def test_the_corpus_is_told_as_well_as_promised() -> None:
    if CORPUS is None:
        pytest.skip("shared/corpora/pii_dev.jsonl is absent: the corpora are not part of the project")
    report = evaluate(CORPUS)
    types = report["types"]
    assert isinstance(types, dict)
    assert types.keys() >= {"CREDIT_CARD", "IBAN_CODE", "EMAIL_ADDRESS", "PHONE_NUMBER", "IP_ADDRESS", "US_SSN"}
    for label, result in types.items():
        assert result["f1"] >= F1_MIN, (label, result)
