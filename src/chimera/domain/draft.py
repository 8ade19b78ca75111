"""What a worker hands in, what a judge says of it, and the answers that shaped either. Values only."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from chimera.domain.action import Action
from chimera.domain.labels import Labels


class Call(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One answer that a model or a read tool gave, kept so that the task can be replayed."""

    kind: str
    name: str
    request_digest: str
    answer: str
    cost_micros: int = 0
    prompt: str = ""


class Draft(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A worker's result: output by the spec, perhaps one proposed action, confidence, cost, provenance."""

    output: dict[str, Any]
    confidence_bp: int
    labels: Labels
    action: Action | None = None
    cost_micros: int = 0
    sources: tuple[str, ...] = ()


class Verdict(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The judge's answer about a draft. `findings` say what to mend."""

    accepted: bool
    confidence_bp: int
    findings: tuple[str, ...] = ()
    cost_micros: int = 0


class Judgement(Struct, frozen=True, kw_only=True):
    """A verdict, and the answers that it rests on."""

    verdict: Verdict
    calls: tuple[Call, ...] = ()
