"""Our card before the A2A project's own verifier: what it parses and canonicalises is what we signed."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chimera.gateway.card import card_of, signed
from tests.live.places import tool

pytestmark = [pytest.mark.live, pytest.mark.requirement("R-H3")]
KEY = Ed25519PrivateKey.from_private_bytes(b"\x05" * 32)
SCRIPT = Path(__file__).with_name("a2a_verifies.py")


def checked(card: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    words = [str(tool("clients", "bin", "python")), str(SCRIPT), KEY.public_key().public_bytes_raw().hex()]
    return subprocess.run(words, input=msgspec.json.encode(card).decode(), capture_output=True, text=True, timeout=120,
                          check=False)  # fmt: skip


def test_a2a_sdk_verifies_our_card_and_refuses_a_changed_one() -> None:
    card = signed(card_of("https://agents.example", version="1"), KEY)
    told = checked(card)
    assert (told.returncode, told.stdout.strip()) == (0, "Chimera 6 1.0"), told.stderr[-3000:]
    changed = checked({**card, "description": "somebody else"})
    assert changed.returncode != 0
    assert "InvalidSignaturesError" in changed.stderr, changed.stderr[-3000:]
