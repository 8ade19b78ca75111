"""Remembers what a detector said of a text by the text's hash. The least recently seen goes first. Judges nothing."""

from __future__ import annotations

import hashlib
from collections import OrderedDict

from chimera.governance.security.gateway import Detector, Seen

SCANS_MAX = 4_096


class CachedScanner:
    """A detector in front of another. Holds hashes and answers, and no text."""

    __slots__ = ("_detector", "_scans_max", "_seen")

    def __init__(self, detector: Detector, *, scans_max: int = SCANS_MAX) -> None:
        assert scans_max > 0, "a cache holds something"
        self._detector = detector
        self._scans_max = scans_max
        self._seen: OrderedDict[bytes, Seen] = OrderedDict()

    def scan(self, text: str) -> Seen:
        """What the detector says of this text, or said."""
        key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        seen = self._seen.get(key)
        if seen is not None:
            self._seen.move_to_end(key)
            return seen
        seen = self._seen[key] = self._detector.scan(text)
        if len(self._seen) > self._scans_max:
            self._seen.popitem(last=False)
        return seen
