"""The console explains verbs and roles in its own file; what it says is what the domain says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chimera.domain.person import PersonRole
from chimera.domain.verbs import VERBS

WORDS = Path(__file__).resolve().parents[2] / "console" / "src" / "words" / "verbs.ts"
ENTRY = re.compile(r'^  "([a-z.]+)": "(.*)",$', re.MULTILINE)
ROLE = re.compile(r'\{ value: "([a-z]+)",')


@pytest.mark.requirement("R-L1")
def test_the_console_knows_every_verb_and_explains_it_in_the_same_words() -> None:
    said = {verb: words.replace("’", "'") for verb, words in ENTRY.findall(WORDS.read_text("utf-8"))}
    assert said == dict(VERBS), "write domain/verbs.py and console/src/words/verbs.ts alike"


@pytest.mark.requirement("R-L1")
def test_the_console_knows_every_role() -> None:
    assert ROLE.findall(WORDS.read_text("utf-8")) == [str(role) for role in PersonRole]
