"""The cache answers as its detector does, asks it once, and forgets the least recently seen."""

import pytest

from chimera.domain.threat import ThreatLevel
from chimera.governance.security.cached import CachedScanner
from chimera.governance.security.gateway import Assessment, Detector


class Counting:
    """A detector that says what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def scan(self, text: str) -> Assessment:
        self.asked.append(text)
        return Assessment(level=ThreatLevel.LOW, reasons=(text,))


@pytest.mark.requirement("R-D1")
def test_the_same_text_is_scanned_once_and_answered_alike() -> None:
    counting = Counting()
    scanner: Detector = CachedScanner(counting)
    first, other, again = scanner.scan("one"), scanner.scan("two \ud800"), scanner.scan("one")
    assert first is again
    assert (first.reasons, other.reasons) == (("one",), ("two \ud800",))
    assert counting.asked == ["one", "two \ud800"]


@pytest.mark.requirement("R-D1")
def test_the_least_recently_seen_goes_first() -> None:
    counting = Counting()
    scanner = CachedScanner(counting, scans_max=2)
    for text in ("a", "b", "a", "c", "a", "b"):
        scanner.scan(text)
    assert counting.asked == ["a", "b", "c", "b"]
