"""How many people have to say yes: two for the risks that the pack's bands name. Says no more than a number."""

from __future__ import annotations

from collections.abc import Iterable

from chimera.domain.confidence import Bands
from chimera.domain.decision import Question
from chimera.governance import treasury


def needed(question: Question, bands: Bands) -> int:
    """One, or two where the risk, the kind of action or the amount's band is listed."""
    return needed_for({question.risk, question.action.kind, treasury.amount_band(question.action)}, bands)


def needed_for(classes: Iterable[str], bands: Bands) -> int:
    """One, or two where one of these is listed."""
    return 2 if set(bands.two_persons).intersection(classes) else 1
