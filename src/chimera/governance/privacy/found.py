"""What a recogniser found in a text, and what a recogniser is. Values only."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum

from msgspec import Struct

from chimera.governance.privacy.reading import Reading
from chimera.governance.safety.finding import Severity


class Proof(StrEnum):
    """What a recogniser goes by; figures are reported by it."""

    CHECKSUM = "checksum"
    PATTERN = "pattern"
    CONTEXT = "context"
    NAME = "name"


class Found(Struct, frozen=True, order=True):
    """Personal data or a secret: where, how sure in basis points, and why."""

    type: str
    start: int
    end: int
    confidence_bp: int
    why: str


class Recogniser(Struct, frozen=True, kw_only=True):
    """Looks for one type. It is asked only where one of its cues or enough digits are in the text.

    `severity` is what it means in a public text; None is no reason to stop one (a name, a place, a link).
    """

    name: str
    meaning: str
    proof: Proof
    severity: Severity | None
    seek: Callable[[Reading], Iterable[Found]]
    cues: tuple[str, ...] = ()
    digits_min: int = 0
