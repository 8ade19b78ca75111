"""The one entry for input: clean it, scan it, weigh the threat, label it. May not act on what it reads."""

from __future__ import annotations

from typing import Any, Protocol, cast

from msgspec import Struct

from chimera.domain import canonical
from chimera.domain.errors import Refused
from chimera.domain.labels import TRUSTED, Labels
from chimera.domain.threat import ThreatLevel, highest
from chimera.governance.texts import texts_of

PAYLOAD_BYTES_MAX = 64 * 1024
PLAIN_WORD_LENGTH_MAX = 32
WITHHELD = "[withheld: this text looked like an attack]"


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

    def withhold(self, content: dict[str, Any]) -> tuple[dict[str, Any], ThreatLevel]:
        """What a tool returned without its critical texts, and the worst level of what is left."""
        levels: list[ThreatLevel] = []
        cleaned = cast("dict[str, Any]", self._withheld(content, levels))
        return cleaned, highest(levels)

    def _withheld(self, value: object, levels: list[ThreatLevel]) -> object:
        match value:
            case str():
                level = self._level_of(value)
                if level is ThreatLevel.CRITICAL:
                    return WITHHELD
                levels.append(level)
                return value
            case dict():
                items = cast("dict[str, Any]", value).items()
                return {key: self._withheld(item, levels) for key, item in items if not self._is_attack(key)}
            case list() | tuple():
                return [self._withheld(item, levels) for item in cast("list[Any]", value)]
            case _:
                return value

    def _level_of(self, text: str) -> ThreatLevel:
        return ThreatLevel.LOW if _is_plain_word(text) else ThreatLevel(self._detector.scan(text).level)

    def _is_attack(self, text: str) -> bool:
        return self._level_of(text) is ThreatLevel.CRITICAL

    def require_harmless(self, described: object, *, what: str) -> None:
        """Refuse a tool or a package whose own description gives orders to whoever reads it."""
        for text in texts_of(described):
            if not _is_plain_word(text) and self._detector.scan(text).level == ThreatLevel.CRITICAL:
                raise Refused(
                    "description_is_attack",
                    f"{what} describes itself with orders for the reader: {text[:120]!r}",
                    where=what[:80],
                    remedy="do not install or use it; read it yourself",
                )

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
