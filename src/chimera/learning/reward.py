"""A small reward model: Bradley–Terry over embeddings. Prefers one text to another; allows and publishes nothing."""

from __future__ import annotations

import hashlib
import math
from array import array
from collections.abc import Sequence

from msgspec import Struct

from chimera.domain.errors import Invalid
from chimera.learning.preferences import HUMAN, Preference
from chimera.ports.embeddings import Embeddings, Vector

ROUNDS = 120
RATE = 4.0
SHRINK = 0.002
HELD_OUT_ONE_IN = 5
PAIRS_MIN = 20
# A person's word counts as much as so many of a judge's.
HUMAN_WEIGHT = 3


class RewardModel(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The weights, the embeddings that they belong to, and how well they do on pairs that they did not see."""

    embeddings: str
    weights: tuple[float, ...]
    pairs: int
    held_out: int
    held_out_accuracy: float

    def reward(self, vector: Vector) -> float:
        """How good a text is, on a scale of its own."""
        return sum(weight * value for weight, value in zip(self.weights, vector, strict=True))


async def train(pairs: Sequence[Preference], embeddings: Embeddings) -> RewardModel:
    """Fit on four of five pairs, measure on the fifth. The same pairs give the same model."""
    if len(pairs) < PAIRS_MIN:
        raise Invalid("pairs_too_few", f"{len(pairs)} pairs", where="chimera learn train",
                      remedy=f"bring at least {PAIRS_MIN}")  # fmt: skip
    chosen = await embeddings.embed([one.chosen for one in pairs])
    rejected = await embeddings.embed([one.rejected for one in pairs])
    differences = [array("f", map(float.__sub__, a, b)) for a, b in zip(chosen, rejected, strict=True)]
    seen = [one for one, pair in zip(differences, pairs, strict=True) if not _is_held_out(pair)
            for _ in range(_weight(pair))]  # fmt: skip
    unseen = [one for one, pair in zip(differences, pairs, strict=True) if _is_held_out(pair)]
    weights = _fitted(seen, embeddings.dimensions)
    right = sum(_dot(weights, one) > 0 for one in unseen)
    return RewardModel(
        embeddings=embeddings.model, weights=tuple(round(weight, 6) for weight in weights), pairs=len(pairs),
        held_out=len(unseen), held_out_accuracy=round(right / len(unseen), 4) if unseen else 0.0,
    )  # fmt: skip


async def best_of(texts: Sequence[str], model: RewardModel, embeddings: Embeddings) -> str:
    """The text with the highest reward. What may be published is decided elsewhere."""
    if model.embeddings != embeddings.model:
        raise Invalid("reward_of_other_embeddings", f"the reward model was trained on {model.embeddings}",
                      where="reward model", remedy="train it again")  # fmt: skip
    vectors = await embeddings.embed(texts)
    return max(zip(texts, vectors, strict=True), key=lambda one: model.reward(one[1]))[0]


def _fitted(differences: Sequence[Vector], dimensions: int) -> list[float]:
    weights = [0.0] * dimensions
    for _ in range(ROUNDS):
        slope = [SHRINK * weight for weight in weights]
        for one in differences:
            pull = 1 / (1 + math.exp(min(60.0, _dot(weights, one)))) / len(differences)
            for place, value in enumerate(one):
                slope[place] -= pull * value
        weights = [weight - RATE * part for weight, part in zip(weights, slope, strict=True)]
    return weights


def _dot(weights: Sequence[float], vector: Vector) -> float:
    return sum(weight * value for weight, value in zip(weights, vector, strict=True))


def _weight(pair: Preference) -> int:
    return HUMAN_WEIGHT if pair.source.startswith(HUMAN) else 1


def _is_held_out(pair: Preference) -> bool:
    """By the task and its texts together: a pair is always on the same side."""
    digest = hashlib.sha256(f"{pair.prompt}\x1f{pair.chosen}\x1f{pair.rejected}".encode()).digest()
    return digest[0] % HELD_OUT_ONE_IN == 0
