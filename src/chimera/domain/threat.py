"""Threat levels, in order. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class ThreatLevel(StrEnum):
    """LOW proceeds; MEDIUM is noted; HIGH needs a person for whatever follows; CRITICAL is refused."""

    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


_ORDER = {level: index for index, level in enumerate(ThreatLevel)}


def highest(levels: Iterable[ThreatLevel]) -> ThreatLevel:
    """The worst of several; LOW of none."""
    return max(levels, key=_ORDER.__getitem__, default=ThreatLevel.LOW)
