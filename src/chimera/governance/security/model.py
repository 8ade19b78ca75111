"""The small linear model: weights for features, concepts and rules, and the thresholds that make a sum a level.

Weights are integers, thousandths of a logit, so that a score is the same on every machine. Parses and adds up; trains
nothing and reads no file.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import msgspec

from chimera.governance.security.lexicon import Lexicon, literals
from chimera.governance.security.matching import Automata, Matcher, Unit, bits_of
from chimera.governance.security.quickly import quick_lexicon

KNOWN_MAX = 16_384  # Few sets of concepts are ever said; the score of each is worked out once.


class Thresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The least score of each level. An *attack* is what reaches `high`."""

    medium: int
    high: int
    critical: int


class Weights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The shipped model. `rules` are the learnt corrections to the weights of the lexicon with the hash `lexicon`."""

    format: int
    lexicon: str
    bias: int
    thresholds: Thresholds
    features: dict[str, int]
    concepts: dict[str, int]
    rules: tuple[int, ...]


class Weighed(msgspec.Struct, frozen=True):
    """A rule ready to be tested with one `&`."""

    family: str
    concepts: int
    weight: int


def parse_weights(data: bytes) -> Weights:
    """Reads the shipped weights."""
    return msgspec.json.decode(data, type=Weights)


def concept_bits(lexicon: Lexicon) -> dict[str, int]:
    """Each concept's bit."""
    return {concept: 1 << place for place, concept in enumerate(lexicon.concepts)}


def terms_of(lexicon: Lexicon) -> dict[str, int]:
    """The bits of each of the lexicon's terms."""
    bits = concept_bits(lexicon)
    return bits_of((bits[concept], literal) for concept, literal in literals(lexicon))


def matcher_of(lexicon: Lexicon, features: Iterable[str]) -> Matcher:
    """The automata for the lexicon's terms and these features."""
    return Matcher(Automata(features=features, terms=terms_of(lexicon)))


class Model:
    """Adds up what the matcher found. A window is two neighbouring units: an order may take two sentences."""

    __slots__ = (
        "_by_bit",
        "_features",
        "_heaviest",
        "_known",
        "_quick",
        "_ranks",
        "_told",
        "bias",
        "matcher",
        "rules",
        "thresholds",
    )

    def __init__(self, *, lexicon: Lexicon, weights: Weights, quickly: bool = True) -> None:
        assert len(weights.rules) == len(lexicon.rules), (
            "the model was trained with another lexicon; run `chimera guard train`"
        )
        bits = concept_bits(lexicon)
        self._features = weights.features
        self.bias = weights.bias
        self.thresholds = weights.thresholds
        self.rules = tuple(
            Weighed(family=rule.family, concepts=_union(bits, rule.all), weight=rule.weight + learnt)
            for rule, learnt in zip(lexicon.rules, weights.rules, strict=True)
        )
        self._heaviest = sorted((rule for rule in self.rules if rule.weight > 0), key=lambda rule: -rule.weight)
        self._ranks: dict[int, list[int]] = {bit: [] for bit in bits.values()}
        for rank, rule in enumerate(self._heaviest):
            self._ranks[_rarest(rule.concepts)].append(rank)
        self._by_bit = self._index(bits, weights)
        # The wordings are a hundred thousand: they are made once, for whichever of both searches for them.
        terms, concepts = terms_of(lexicon), tuple(self._by_bit.values())
        self._quick = (
            quick_lexicon(terms=terms, features=weights.features, concepts=concepts, bias=self.bias)
            if quickly
            else None
        )
        self.matcher = Matcher(self._quick or Automata(features=weights.features, terms=terms))
        self._known: dict[int, int] = {}
        self._told: dict[int, int] = {}

    def _index(self, bits: dict[str, int], weights: Weights) -> dict[int, tuple[int, tuple[tuple[int, int], ...]]]:
        """Under each concept's bit: its own weight, and the rules whose rarest (highest) concept it is."""
        index: dict[int, list[tuple[int, int]]] = {bit: [] for bit in bits.values()}
        for rule in self.rules:
            index[_rarest(rule.concepts)].append((rule.concepts, rule.weight))
        return {bit: (weights.concepts.get(concept, 0), tuple(index[bit])) for concept, bit in bits.items()}

    def glance(self, text: str) -> int | None:
        """What a text weighs that hides nothing; None where it has to be read to know."""
        return self._quick.score(text) if self._quick is not None and text.isascii() else None

    def concept_score(self, concepts: int) -> int:
        """The weight of these concepts, each alone and by the rules that they fulfil together."""
        known = self._known.get(concepts)
        if known is not None:
            return known
        score, left = 0, concepts
        while left:
            bit = left & -left
            left ^= bit
            weight, rules = self._by_bit[bit]
            score += weight
            for needed, extra in rules:
                if concepts & needed == needed:
                    score += extra
        if len(self._known) < KNOWN_MAX:
            self._known[concepts] = score
        return score

    def best_window(self, units: Sequence[Unit], *, signals: int = 0) -> tuple[int, int]:
        """The score of the worst window, and which it is. `signals` are concepts that hold for the text as a whole."""
        weight_of, known = self._features.__getitem__, self._known
        spoken, before, _, _ = units[0]
        spoken |= signals
        own = sum(map(weight_of, before))
        best, place = own + self.concept_score(spoken), 0
        for position, (concepts, found, _, _) in enumerate(units[1:]):
            following, both = sum(map(weight_of, found)), spoken | concepts
            score = own + following + (known[both] if both in known else self.concept_score(both))
            # What both units say counts once.
            if twice := before & found:
                score -= sum(map(weight_of, twice))
            if score > best:
                best, place = score, position
            own, spoken, before = following, concepts | signals, found
        return self.bias + best, place

    def fired(self, concepts: int) -> tuple[Weighed, ...]:
        """The rules that speak for an attack and hold for these concepts, heaviest first."""
        ranks: list[int] = []
        left = concepts
        while left:
            bit = left & -left
            left ^= bit
            ranks += [rank for rank in self._ranks[bit] if not self._heaviest[rank].concepts & ~concepts]
        return tuple([self._heaviest[rank] for rank in sorted(ranks)])

    def basis_points(self, score: int) -> int:
        """The score between 0 and 10,000; 5,000 is the threshold of an attack."""
        told = self._told.get(score)
        if told is None:
            told = self._basis_points(score)
            if len(self._told) < KNOWN_MAX:
                self._told[score] = told
        return told

    def _basis_points(self, score: int) -> int:
        distance = min(max((score - self.thresholds.high) / 1000, -40.0), 40.0)
        return round(10_000 / (1 + math.exp(-distance)))


def _rarest(concepts: int) -> int:
    """The one concept of a rule under which it is looked up."""
    return 1 << (concepts.bit_length() - 1)


def _union(bits: dict[str, int], concepts: Iterable[str]) -> int:
    mask = 0
    for concept in concepts:
        mask |= bits[concept]
    return mask
