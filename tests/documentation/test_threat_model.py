"""Every threat that was promised is in the threat model, with an answer in the code and a test, and both exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "security" / "threat-model.md").read_text("utf-8")
PARTS = re.split(r"^### (\S+) (.+)$", PAGE, flags=re.MULTILINE)
SECTIONS = {
    name: text for name, _, text in zip(PARTS[1::3], PARTS[2::3], PARTS[3::3], strict=True)
}  # fmt: skip
WEB = [f"A{number:02d}" for number in range(1, 11)]
LLM = [f"LLM{number:02d}" for number in range(1, 11)]
PROMISED = {
    "D3.1": "Prompt injection", "D3.2": "Hallucination", "D3.3": "Runaway spending", "D3.4": "Data exfiltration",
    "D3.5": "Agent impersonation",
}  # fmt: skip

pytestmark = pytest.mark.requirement("R-D3", "R-D7")


def named(kind: str, text: str) -> list[str]:
    line = re.search(rf"^{kind}: (.+)$", text, re.MULTILINE)
    return re.findall(r"`([^`]+)`", line.group(1)) if line else []


def test_every_threat_is_there():
    assert {*WEB, *LLM, *PROMISED} <= set(SECTIONS)
    titles = dict(zip(PARTS[1::3], PARTS[2::3], strict=True))
    assert {name: titles[name] for name in PROMISED} == PROMISED
    assert len(PARTS[1::3]) == len(SECTIONS), "a threat stands once"


@pytest.mark.parametrize("threat", sorted(SECTIONS))
def test_each_has_its_measure_and_answers_that_exist(threat: str):
    text = SECTIONS[threat]
    rated = re.search(
        r"^\| (\w+) \| (\w+) \| (\w+) \|$", text.replace("| Impact | Likelihood | Residual |", ""), re.MULTILINE
    )
    assert rated
    levels = ("low", "medium", "high")
    assert rated.group(1) in levels
    assert rated.group(2) in ("unlikely", "possible", "likely", "certain")
    assert rated.group(3) in levels
    assert re.search(r"^Left: .+", text, re.MULTILINE)
    code, tests = named("Answered by", text), named("Tests", text)
    assert code
    assert tests
    for path in code:
        assert (ROOT / path).is_file(), path
    for test in tests:
        file, _, name = test.partition("::")
        assert (ROOT / file).is_file(), test
        assert not name or re.search(rf"^(async )?def {name}\(", (ROOT / file).read_text("utf-8"), re.MULTILINE), test
