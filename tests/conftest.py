"""What is true of all tests: those that the threat model names are attacks, and `make pentest` runs them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chimera.adapters.chain.depth import keep_recursion_shallow

ROOT = Path(__file__).resolve().parents[1]
THREATS = ROOT / "docs" / "security" / "threat-model.md"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that the threat model names, by file or by file and name."""
    if not THREATS.exists():
        return
    named = set(re.findall(r"`(tests/[^`]+)`", THREATS.read_text("utf-8")))
    for item in items:
        file = item.path.relative_to(ROOT).as_posix() if item.path.is_relative_to(ROOT) else ""
        if file in named or f"{file}::{item.name.partition('[')[0]}" in named:
            item.add_marker(pytest.mark.attack)


def pytest_collection_finish() -> None:
    """Tests that import eth-account themselves have let py_ecc raise the limit for everyone."""
    keep_recursion_shallow()
