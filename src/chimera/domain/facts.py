"""Exactly what policy may read about a question, and every value that it may have. Values only; may not decide."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from chimera.domain.confidence import Band
from chimera.domain.spec import Risk
from chimera.domain.threat import ThreatLevel


class Deed(StrEnum):
    """What kind of act policy speaks about. To govern is to change policy, permissions, caps or the system."""

    PUBLISH = "publish"
    REACT = "react"
    SPEND = "spend"
    RETRACT = "retract"
    INTERNAL = "internal"
    GOVERN = "govern"


class Facts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The attributes, as bands, so that the memo hits. Recorded with the ruling, so that it can be back-tested."""

    deed: Deed
    permitted: bool
    halted: bool
    confidence: str
    risk: str
    threat: str
    shaped: bool
    safety: str
    amount: str
    approver: str


# The people who may rule, from the least to the most; the empty name is nobody.
APPROVERS = ("", "reviewer", "operator", "owner")

# What each attribute may be: a policy that asks for anything else would never fire, and nobody would notice.
VALUES: Mapping[str, tuple[str, ...]] = {
    "confidence": tuple(str(band) for band in Band),
    "risk": tuple(str(risk) for risk in Risk),
    "threat": tuple(str(level) for level in ThreatLevel),
    "safety": ("clean", "caution", "harm"),
    "amount": ("none", "under_10", "to_50", "over_50"),
    "approver": APPROVERS,
}
FLAGS = ("permitted", "halted", "shaped")

# What nothing is wrong with: the point from which cases and comparisons start.
ORDINARY = Facts(
    deed=Deed.PUBLISH,
    permitted=True,
    halted=False,
    confidence="proceed",
    risk="ordinary",
    threat="LOW",
    shaped=False,
    safety="clean",
    amount="none",
    approver="",
)
