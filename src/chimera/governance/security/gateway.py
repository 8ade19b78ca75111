"""The one entry for input: clean it, scan it, weigh the threat, ask who may. May not act on what it reads."""

from __future__ import annotations

from typing import Any, Protocol, cast

from msgspec import Struct

from chimera.domain import canonical
from chimera.domain.errors import Invalid, Refused
from chimera.domain.labels import TRUSTED, Labels
from chimera.domain.threat import ThreatLevel, highest
from chimera.governance.security import requests
from chimera.governance.security.requests import Noted
from chimera.governance.texts import texts_of
from chimera.ports.store import Store

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
    """Every way in passes here: operators, mentions, feeds, tool results, packages, and what agents ask for.

    For the last it needs a store: to ask what an agent may, and to put on record what came of it.
    """

    def __init__(self, detector: Detector, *, store: Store | None = None) -> None:
        self._detector = detector
        self._store = store

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
        """Whether an agent may make this request, in four layers: injection, permission, threat, audit.

        An `action` or a `tool` in it has to be permitted to this agent. What cannot be asked or put on record is a no.
        """
        if self._store is None:
            return ValidationResult(approved=False, threat_level=ThreatLevel.LOW, sanitized_input={},
                                    reason="nobody could be asked what this agent may")  # fmt: skip
        found, sanitized = self._looked_through(request)
        objections = await requests.objections(self._store, agent_id, request)
        # Who asks for what it was never given is out of hand, or somebody else.
        level = highest((found.level, ThreatLevel.MEDIUM if objections else ThreatLevel.LOW))
        approved = not objections and level is not ThreatLevel.CRITICAL
        why = "; ".join((*objections, *found.reasons)) or "nothing suspicious found"
        await requests.note(self._store, Noted(agent_id=agent_id, approved=approved, level=level, why=why))
        return ValidationResult(approved=approved, threat_level=level, sanitized_input=sanitized, reason=why)

    def _looked_through(self, request: dict[str, Any]) -> tuple[Assessment, dict[str, Any]]:
        """What the texts of a request amount to, and the request without attacks and unseen signs."""
        try:
            found = self.assess(request, labels=("public",))
        except Invalid as error:
            return Assessment(level=ThreatLevel.CRITICAL, reasons=(error.message,)), {}
        if len(canonical.encode(request)) > PAYLOAD_BYTES_MAX:
            says = f"it has more than {PAYLOAD_BYTES_MAX} bytes"
            return Assessment(level=ThreatLevel.CRITICAL, reasons=(says,)), {}
        return found, cast("dict[str, Any]", requests.cleaned(self.withhold(request)[0]))


def _is_plain_word(text: str) -> bool:
    return len(text) <= PLAIN_WORD_LENGTH_MAX and text.isascii() and text.isidentifier()
