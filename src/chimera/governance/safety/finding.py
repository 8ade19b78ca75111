"""What a safety rule found: where, how bad, and what to do. Values only."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Severity(StrEnum):
    """Harm is refused; caution needs a person."""

    CAUTION = "caution"
    HARM = "harm"


class Finding(Struct, frozen=True):
    """One finding with its span in the text."""

    rule: str
    severity: Severity
    says: str
    suggestion: str
    start: int = 0
    end: int = 0
