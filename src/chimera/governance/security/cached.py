"""Remembers what a detector said of a text by the text's hash. The least recently seen goes first. Judges nothing."""

from __future__ import annotations

import hashlib

from chimera.domain.recent import Recent
from chimera.governance.security.gateway import Detector, Seen

SCANS_MAX = 4_096


class CachedScanner:
    """A detector in front of another. Holds hashes and answers, and no text."""

    __slots__ = ("_detector", "_seen")

    def __init__(self, detector: Detector, *, scans_max: int = SCANS_MAX) -> None:
        self._detector = detector
        self._seen: Recent[bytes, Seen] = Recent(scans_max)

    def scan(self, text: str) -> Seen:
        """What the detector says of this text, or said."""
        key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        seen = self._seen.get(key)
        if seen is not None:
            self._seen.move_to_end(key)
            return seen
        seen = self._seen[key] = self._detector.scan(text)
        return seen
