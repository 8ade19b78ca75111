"""The one entry for input: clean it, scan it, weigh the threat, label it. May not act on what it reads."""

from __future__ import annotations

from typing import Any, Protocol

from msgspec import Struct

from chimera.domain import canonical
from chimera.domain.labels import TRUSTED, Labels
from chimera.domain.threat import ThreatLevel, highest
from chimera.governance.texts import texts_of

PAYLOAD_BYTES_MAX = 64 * 1024
PLAIN_WORD_LENGTH_MAX = 32


class Seen(Protocol):
    """What a detector says of one text."""

    @property
    def level(self) -> ThreatLevel: ...

    @property
    def reasons(self) -> tuple[str, ...]: ...


class Detector(Protocol):
    """Looks for injected instructions in one text. A signal, not the wall."""

    def scan(self, text: str) -> Seen: ...


class Assessment(Struct, frozen=True, kw_only=True):
    """How dangerous an input is, and in which words."""

    level: ThreatLevel
    reasons: tuple[str, ...]


class ValidationResult(Struct, frozen=True, kw_only=True):
    """The answer of the gateway to one request."""

    approved: bool
    threat_level: ThreatLevel
    sanitized_input: dict[str, Any]
    reason: str


class SecurityGateway:
    """Every way in passes here: operators, mentions, feeds, tool results, packages."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector

    def assess(self, payload: dict[str, Any], *, labels: Labels) -> Assessment:
        """The threat in a payload. What our own operators write is admitted as they wrote it."""
        canonical.require_plain(payload, where="input")
        if set(labels) <= set(TRUSTED):
            return Assessment(level=ThreatLevel.LOW, reasons=())
        # A plain word hides no order; keys and names are most of the texts.
        seen = [self._detector.scan(text) for text in texts_of(payload) if not _is_plain_word(text)]
        reasons = tuple(dict.fromkeys(reason for one in seen for reason in one.reasons))
        return Assessment(level=highest(ThreatLevel(one.level) for one in seen), reasons=reasons)

    async def validate_request(self, agent_id: str, request: dict[str, Any]) -> ValidationResult:
        """Whether an agent may take this request at all. A critical threat is refused."""
        assessment = self.assess(request, labels=("public",))
        approved = assessment.level is not ThreatLevel.CRITICAL
        said = "; ".join(assessment.reasons) or "nothing suspicious found"
        return ValidationResult(
            approved=approved, threat_level=assessment.level, sanitized_input=request, reason=f"{agent_id}: {said}"
        )


def _is_plain_word(text: str) -> bool:
    return len(text) <= PLAIN_WORD_LENGTH_MAX and text.isascii() and text.isidentifier()
