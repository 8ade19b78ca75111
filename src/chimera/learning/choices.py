"""Chooses style, media and time of a post from what is on record, and can say afterwards why. Reads and writes nothing.

Engagement is only weighed among variants whose safety record is no worse than the baseline's: there is no price at
which the one buys the other (ADR-196).
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, pvariance

from chimera.domain.measurement import Measurement
from chimera.domain.variants import Belief, Choice
from chimera.learning.variants import drawn

# What is believed of a variant nobody tried: what all posts of the agent bring, as firmly as after one of them.
POSTS_BEFORE = 1
VARIANCE_BEFORE, VARIANCE_MIN = 1.0, 0.05
# Each variant's record begins with 15 troubled posts in a hundred, as firmly as after ten. It is the same for all: were
# it the agent's own share, a variant that is liked and chosen often would make its trouble the usual.
TROUBLED_BEFORE, RECORD_BEFORE = 0.15, 10
# As sure as this it has to be that a variant is worse than the baseline: three in four.
WORSE_DEVIATIONS = 0.6745
HARM, WORSE = "what went out was taken down", "more trouble than the baseline"
SHARE_SEEDS = 400
_MILLIS = 1_000
_UNIT = 1 << 56


def believed(
    variants: Mapping[str, Sequence[str]], known: Sequence[Measurement], harmful: Sequence[Measurement] = ()
) -> tuple[Belief, ...]:
    """What is believed of each variant of each factor. The first of a factor is its baseline."""
    values = [_value(one) for one in known if one.is_measured]
    before = fmean(values) if values else 0.0
    variance = max(VARIANCE_MIN, pvariance(values)) if len(values) > 1 else VARIANCE_BEFORE
    return tuple(
        _belief(factor, name, names[0], (known, harmful), before=before, variance=variance)
        for factor, names in variants.items()
        for name in names
    )


def choice_of(beliefs: Sequence[Belief], *, seed: str) -> Choice:
    """One variant of each factor, of those that may be chosen; of a factor without any, none."""
    factors = dict.fromkeys(one.factor for one in beliefs)
    best = {factor: _best(seed, [one for one in beliefs if one.factor == factor]) for factor in factors}
    chosen = {factor: name for factor, name in best.items() if name is not None}
    return Choice(seed=seed, beliefs=tuple(beliefs), chosen=chosen)


def shares_of(beliefs: Sequence[Belief]) -> dict[tuple[str, str], int]:
    """How often each would be chosen now, in basis points of its factor, by trying so many seeds."""
    chosen = [choice_of(beliefs, seed=f"share {number}").chosen for number in range(SHARE_SEEDS)]
    counted = Counter(pair for one in chosen for pair in one.items())
    return {(one.factor, one.variant): counted[one.factor, one.variant] * 10_000 // SHARE_SEEDS for one in beliefs}


def _best(seed: str, beliefs: Iterable[Belief]) -> str | None:
    able = [one for one in beliefs if not one.barred]
    return max(able, key=lambda one: (_guess(seed, one), one.variant)).variant if able else None


def _guess(seed: str, one: Belief) -> float:
    digest = hashlib.sha256("\x1f".join((seed, one.factor, one.variant)).encode()).digest()
    return drawn(one.mean_millis, one.doubt_millis, (int.from_bytes(digest[:7], "big") + 0.5) / _UNIT)


def _value(one: Measurement) -> float:
    """A post that ten times as many liked is not ten times the evidence."""
    return math.log1p(one.engagements)


def _belief(
    factor: str, name: str, baseline: str, told: tuple[Sequence[Measurement], Sequence[Measurement]], *, before: float,
    variance: float,
) -> Belief:  # fmt: skip
    known, harmful = told
    of = _having(factor, name, known)
    values = [_value(one) for one in of if one.is_measured]
    firmness = POSTS_BEFORE + len(values)
    mean = (POSTS_BEFORE * before + sum(values)) / firmness
    return Belief(
        factor=factor, variant=name, posts=len(values), mean_millis=round(mean * _MILLIS),
        doubt_millis=round(math.sqrt(variance / firmness) * _MILLIS), troubled=sum(bool(one.troubles) for one in of),
        barred=_barred(of, _having(factor, baseline, known), harmed=bool(_having(factor, name, harmful))),
    )  # fmt: skip


def _having(factor: str, name: str, known: Iterable[Measurement]) -> list[Measurement]:
    return [one for one in known if one.variants.get(factor) == name]


def _barred(of: Sequence[Measurement], baseline: Sequence[Measurement], *, harmed: bool) -> str:
    """Why a variant may not be chosen: it did harm once, or it is held, refused or sent back more often."""
    if harmed:
        return HARM
    rate, doubt = _record(of)
    rate_before, doubt_before = _record(baseline)
    return WORSE if rate - rate_before > WORSE_DEVIATIONS * math.sqrt(doubt + doubt_before) else ""


def _record(of: Sequence[Measurement]) -> tuple[float, float]:
    """The share of troubled posts, and the variance of that belief."""
    posts = len(of) + RECORD_BEFORE
    rate = (sum(bool(one.troubles) for one in of) + TROUBLED_BEFORE * RECORD_BEFORE) / posts
    return rate, rate * (1 - rate) / posts
