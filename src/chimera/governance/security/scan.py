"""Says how much a text looks like an attempt to give orders to the one who reads it. A signal, never the wall.

Holds the shipped lexicon and weights; has no way to block, change or pass on a text.
"""

import hashlib
from functools import cache
from importlib import resources
from typing import NamedTuple

import msgspec

from chimera.domain.threat import ThreatLevel
from chimera.governance.security.garble import is_garbled
from chimera.governance.security.lexicon import Lexicon, parse_lexicon
from chimera.governance.security.matching import Unit
from chimera.governance.security.model import Model, Weighed, Weights, concept_bits, parse_weights
from chimera.governance.security.normalise import View, normalise

SPANS_MAX = 16
HIDING_NOTES = frozenset(
    {"hidden tag characters", "hidden bidi control", "zero-width characters inside words", "mixed scripts in one word"}
)


ATTACK_LEVELS = frozenset({ThreatLevel.HIGH, ThreatLevel.CRITICAL})


class Span(msgspec.Struct, frozen=True):
    """Where a family of patterns was found: positions in the folded text of that view, and the words there."""

    family: str
    view: str
    start: int
    end: int
    words: str


class Scan(msgspec.Struct, frozen=True):
    """The answer, with its reasons in words and the version of what gave it."""

    level: ThreatLevel
    score_bp: int
    reasons: tuple[str, ...]
    spans: tuple[Span, ...]
    version: str


class Window(NamedTuple):
    """The part of one reading that speaks loudest."""

    score: int
    view: View
    units: list[Unit]
    signals: int


class Scanner:
    """Scans texts. Stateless and deterministic: the same text and version give the same answer."""

    __slots__ = ("_garbled", "_hidden", "_look_in", "_medium", "model", "version")

    def __init__(self, *, lexicon: Lexicon, weights: Weights, version: str, quickly: bool = True) -> None:
        bits = concept_bits(lexicon)
        self.model = Model(lexicon=lexicon, weights=weights, quickly=quickly)
        self.version = version
        self._medium = weights.thresholds.medium
        self._garbled, self._hidden, self._look_in = bits["garbled"], bits["hidden"], bits["look_in"]

    def scan(self, text: str) -> Scan:
        """Scans one text of any length and content."""
        score = self.model.glance(text)
        if score is not None and score < self._medium:
            return self._harmless(score)
        return self._read(text)

    def _harmless(self, score: int) -> Scan:
        return Scan(level=ThreatLevel.LOW, score_bp=self.model.basis_points(score), reasons=(), spans=(),
                    version=self.version)  # fmt: skip

    def _read(self, text: str) -> Scan:
        """In all the ways that it can be read, and with reasons."""
        normalised = normalise(text)
        signals = self._garbled if is_garbled(text) else 0
        if normalised.notes and not HIDING_NOTES.isdisjoint(normalised.notes):
            signals |= self._hidden
        view = normalised.views[0]
        units = self.model.matcher.units(view.text)
        score, place = self.model.best_window(units, signals=signals)
        for other in normalised.views[1:]:
            found = self.model.matcher.units(other.text)
            height, where = self.model.best_window(found, signals=signals | self._look_in)
            if height > score:
                score, place, view, units = height, where, other, found
        # Most texts are harmless, and nothing has to be told of them.
        level, reasons, spans = ThreatLevel.LOW, (), ()
        if score >= self._medium:
            level = self._level(score)
            told = signals if view is normalised.views[0] else signals | self._look_in
            reasons, spans = self._explain(Window(score, view, units[place : place + 2], told))
        return Scan(
            level=level,
            score_bp=self.model.basis_points(score),
            reasons=reasons + normalised.notes,
            spans=spans,
            version=self.version,
        )

    def _level(self, score: int) -> ThreatLevel:
        thresholds = self.model.thresholds
        if score < thresholds.high:
            return ThreatLevel.MEDIUM
        return ThreatLevel.HIGH if score < thresholds.critical else ThreatLevel.CRITICAL

    def _explain(self, window: Window) -> tuple[tuple[str, ...], tuple[Span, ...]]:
        """Which families the worst window belongs to, and where they are said in it."""
        view, concepts = window.view, window.signals
        for said, _, _, _ in window.units:
            concepts |= said
        (_, _, start, _), (_, _, _, end) = window.units[0], window.units[-1]
        rules: dict[str, Weighed] = {}
        for rule in self.model.fired(concepts)[:SPANS_MAX]:
            rules.setdefault(rule.family, rule)
        wanted = [rule.concepts for rule in rules.values()]
        places = self.model.matcher.places(view.text, start=start, end=end, wanted=wanted)
        spans = tuple(
            Span(family=family, view=view.kind, start=low, end=high, words=view.text[low:high])
            for family, (low, high) in zip(rules, places, strict=True)
        )
        return tuple(rules) or ("wording like that of known attacks",), spans


def version_of(lexicon: bytes, weights: bytes) -> str:
    """Names the exact data behind an answer."""
    return hashlib.sha256(hashlib.sha256(lexicon).digest() + hashlib.sha256(weights).digest()).hexdigest()


@cache
def shipped_scanner() -> Scanner:
    """The scanner with the data that came with this package. Built once: nothing in it ever changes."""
    return scanner_as_shipped()


def scanner_as_shipped(*, quickly: bool = True) -> Scanner:
    """A new one; without the Rust library for whoever compares the two."""
    data = resources.files("chimera.governance.security") / "data"
    lexicon, weights = (data / "lexicon.json").read_bytes(), (data / "weights.json").read_bytes()
    return Scanner(lexicon=parse_lexicon(lexicon), weights=parse_weights(weights), version=version_of(lexicon, weights),
                   quickly=quickly)  # fmt: skip
