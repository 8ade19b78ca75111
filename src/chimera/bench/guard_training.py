"""Trains the detector's linear model from a corpus: the same bytes for the same corpus and seed. Needs only Python.

Each document is a bag of windows of which the worst counts (as in use), so the windows to learn from are chosen again
in every round: for an attack the one that looks most like one, for a benign text the two that come nearest to a false
alarm. A word may speak *for* an attack only if attacks of at least two corpora use it: what a single corpus says is its
accent. May read a corpus and write weights; the rows themselves never leave it.
"""

import hashlib
import math
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from chimera.governance.security import normalise as security
from chimera.governance.security.garble import is_garbled
from chimera.governance.security.lexicon import Lexicon, parse_lexicon
from chimera.governance.security.matching import Unit
from chimera.governance.security.model import Thresholds, Weights, concept_bits, matcher_of
from chimera.governance.security.normalise import normalise
from chimera.governance.security.scan import HIDING_NOTES

_DATA = Path(security.__file__).parent / "data"
LEXICON, WEIGHTS = _DATA / "lexicon.json", _DATA / "weights.json"
SEEDS = Path(__file__).parent / "data" / "guard_seeds.json"
SEED = 20261121
FEATURES_MAX = 6_000
DOCUMENTS_MIN = 6
CORPORA_MIN = 2
ROUNDS = 5
EPOCHS = 5
STEP = 0.15
DECAY = 0.004  # L2 on words: strong, for a word must not outweigh what the lexicon knows.
DECAY_LEXICON = 0.001
WORD_LOGITS_MAX = 0.5
RULE_LOGITS_MAX = 1.5
BIAS_START = -4.0
BENIGN_WINDOWS = 2
SEED_WORDINGS = 14
_CHOICE = re.compile(r"\(([^()]*)\)")
# Unseen harmless texts score higher than trained ones: what held-out corpora need to stay near the promised limits.
RESERVE = 2_150
SOCIAL_CORPUS = "vader_social"
SOCIAL_ALARMS_MAX = 0.005
OTHER_ALARMS_MAX = 0.03
MEDIUM_BELOW = 1_000
CRITICAL_ABOVE = 2_500


class Row(msgspec.Struct, frozen=True):
    """One line of a corpus file."""

    text: str
    label: Literal["attack", "benign"]
    corpus: str


class Document(NamedTuple):
    """A row as the model sees it: per window, the numbers of its features."""

    attack: bool
    corpus: str
    weight: float
    windows: tuple[tuple[int, ...], ...]


class Space(NamedTuple):
    """The numbering of everything that has a weight: literals of the model, then concepts, then rules."""

    words: tuple[str, ...]
    concepts: tuple[int, ...]
    rules: tuple[int, ...]


def read_rows(corpus: Path) -> tuple[Row, ...]:
    """The rows of a corpus file."""
    decoder = msgspec.json.Decoder(Row)
    return tuple(decoder.decode(line) for line in corpus.read_bytes().splitlines() if line.strip())


def read_seeds(data: bytes) -> tuple[Row, ...]:
    """Our own examples: from each template, `(one|another)` being a choice, the same number of wordings."""
    rows: dict[str, Row] = {}
    for corpus, templates in msgspec.json.decode(data, type=dict[str, list[str]]).items():
        label = "attack" if corpus.startswith("seed_attack") else "benign"
        for template in templates:
            for place in range(SEED_WORDINGS):
                text = _wording(template, place)
                rows.setdefault(text, Row(text=text, label=label, corpus=corpus))
    return tuple(rows.values())


def _wording(template: str, place: int) -> str:
    parts = _CHOICE.split(template)
    for group in range(1, len(parts), 2):
        options = parts[group].split("|")
        # Each group walks at its own pace, so that the wordings differ in more than one place.
        parts[group] = options[(place * (group + 2) + place // len(options)) % len(options)]
    return "".join(parts)


def train(corpus: Path, out: Path, *, lexicon: Path = LEXICON, seeds: Path | None = SEEDS, seed: int = SEED) -> str:
    """Trains on `corpus` (and our own seeds) and writes the weights; gives their hash."""
    rows = read_rows(corpus) + (read_seeds(seeds.read_bytes()) if seeds else ())
    data = msgspec.json.format(
        msgspec.json.encode(fit(rows, lexicon=lexicon.read_bytes(), seed=seed), order="sorted"), indent=0
    )
    out.write_bytes(data + b"\n")
    return hashlib.sha256(data + b"\n").hexdigest()


def fit(rows: Sequence[Row], *, lexicon: bytes, seed: int) -> Weights:
    """The weights for these rows."""
    parsed = parse_lexicon(lexicon)
    words, supported = choose_words(rows)
    bits = concept_bits(parsed)
    space = Space(words, tuple(bits.values()), tuple(_mask(bits, rule.all) for rule in parsed.rules))
    documents = _documents(rows, space, parsed)
    prior = [0.0] * (len(words) + len(bits)) + [rule.weight / 1000 for rule in parsed.rules]
    learner = Learner(prior, words=len(words), concepts=len(bits), supported=supported)
    shuffler = random.Random(seed)
    for _ in range(ROUNDS):
        examples = [example for document in documents for example in learner.chosen(document)]
        for _ in range(EPOCHS):
            shuffler.shuffle(examples)
            learner.learn(examples)
    return _weights(learner, space, parsed, documents, hashlib.sha256(lexicon).hexdigest())


def choose_words(rows: Sequence[Row]) -> tuple[tuple[str, ...], frozenset[int]]:
    """The words and pairs of words worth a weight, and those of them that may speak for an attack."""
    attacks: dict[str, Counter[str]] = defaultdict(Counter)
    benign: dict[str, Counter[str]] = defaultdict(Counter)
    totals: Counter[tuple[str, bool]] = Counter()
    for row in rows:
        attack = row.label == "attack"
        totals[row.corpus, attack] += 1
        for literal in _words(normalise(row.text).views[0].text):
            (attacks if attack else benign)[literal][row.corpus] += 1
    scored: list[tuple[float, str]] = []
    for literal in sorted(attacks.keys() | benign.keys()):
        here, there = attacks.get(literal, Counter()), benign.get(literal, Counter())
        if here.total() + there.total() >= DOCUMENTS_MIN and len(here.keys() | there.keys()) >= CORPORA_MIN:
            scored.append((-_contrast(here, there, totals), literal))
    chosen = tuple(sorted(literal for _, literal in sorted(scored)[:FEATURES_MAX]))
    return chosen, frozenset(
        n
        for n, literal in enumerate(chosen)
        if sum(1 for count in attacks[literal].values() if count >= 2) >= CORPORA_MIN
    )


def _contrast(attacks: Counter[str], benign: Counter[str], totals: Counter[tuple[str, bool]]) -> float:
    """How differently attacks and benign texts use a word, each corpus having one vote whatever its size."""
    names = {corpus for corpus, attack in totals if attack}
    for_attack = sum(attacks[name] / totals[name, True] for name in names) / max(len(names), 1)
    names = {corpus for corpus, attack in totals if not attack}
    for_benign = sum(benign[name] / totals[name, False] for name in names) / max(len(names), 1)
    return abs(for_attack - for_benign) / math.sqrt(for_attack + for_benign + 0.005)


def _words(folded: str) -> set[str]:
    tokens = [".", *folded.split(), "."]
    singles = {f" {word} " for word in tokens if word != "."}
    return singles | {f" {first} {second} " for first, second in pairwise(tokens) if first != second}


def _documents(rows: Sequence[Row], space: Space, lexicon: Lexicon) -> list[Document]:
    matcher = matcher_of(lexicon, space.words)
    numbers = {word: number for number, word in enumerate(space.words)}
    bits = concept_bits(lexicon)
    sizes = Counter((row.corpus, row.label) for row in rows)
    documents: list[Document] = []
    for row in rows:
        normalised = normalise(row.text)
        signals = bits["garbled"] if is_garbled(row.text) else 0
        signals |= 0 if HIDING_NOTES.isdisjoint(normalised.notes) else bits["hidden"]
        windows: list[tuple[int, ...]] = []
        for view in normalised.views:
            held = signals if view.kind == "plain" else signals | bits["look_in"]
            windows.extend(_windows(matcher.units(view.text), space, numbers, held))
        # A corpus counts by the root of its size: the large must not drown the small, nor the small weigh as much.
        weight = math.sqrt(30 / sizes[row.corpus, row.label])
        documents.append(Document(row.label == "attack", row.corpus, weight, tuple(dict.fromkeys(windows))))
    return documents


def _windows(
    units: Sequence[Unit], space: Space, numbers: Mapping[str, int], signals: int
) -> Iterator[tuple[int, ...]]:
    for position in range(max(len(units) - 1, 1)):
        pair = units[position : position + 2]
        words = sorted({numbers[word] for _, found, _, _ in pair for word in found})
        concepts = signals
        for said, _, _, _ in pair:
            concepts |= said
        held = [len(space.words) + place for place, bit in enumerate(space.concepts) if concepts & bit]
        first = len(space.words) + len(space.concepts)
        fired = [first + place for place, mask in enumerate(space.rules) if concepts & mask == mask]
        yield tuple(words + held + fired)


class Learner:
    """Logistic regression by Adagrad, starting from the lexicon's weights and held near them."""

    def __init__(self, prior: Sequence[float], *, words: int, concepts: int, supported: frozenset[int]) -> None:
        self.prior = list(prior)
        self.weights = list(prior)
        self.bias = BIAS_START
        self._squares = [1.0] * len(prior)
        self._bias_square = 1.0
        rules = len(prior) - words - concepts
        self._decay = [DECAY] * words + [DECAY_LEXICON] * (concepts + rules)
        self._high = (
            [WORD_LOGITS_MAX if n in supported else 0.0 for n in range(words)]
            + [1.0] * concepts
            + [RULE_LOGITS_MAX] * rules
        )
        self._low = [-WORD_LOGITS_MAX] * words + [-1.0] * concepts + [-RULE_LOGITS_MAX] * rules

    def score(self, window: Iterable[int]) -> float:
        return self.bias + sum(map(self.weights.__getitem__, window))

    def chosen(self, document: Document) -> list[tuple[float, float, tuple[int, ...]]]:
        """The windows of a document to learn from, as (target, weight, window)."""
        ranked = sorted(document.windows, key=lambda window: (-self.score(window), window))
        if document.attack:
            return [(1.0, document.weight, ranked[0])]
        return [(0.0, document.weight, window) for window in ranked[:BENIGN_WINDOWS]]

    def learn(self, examples: Iterable[tuple[float, float, tuple[int, ...]]]) -> None:
        """One pass over the examples."""
        weights, squares = self.weights, self._squares
        for target, weight, window in examples:
            error = weight * (1 / (1 + math.exp(-max(min(self.score(window), 30.0), -30.0))) - target)
            self._bias_square += error * error
            self.bias -= STEP * error / math.sqrt(self._bias_square)
            if abs(error) < 1e-3:
                continue
            for number in window:
                gap = weights[number] - self.prior[number]
                slope = error + self._decay[number] * gap
                squares[number] += slope * slope
                moved = gap - STEP * slope / math.sqrt(squares[number])
                weights[number] = self.prior[number] + min(max(moved, self._low[number]), self._high[number])


def _weights(
    learner: Learner, space: Space, lexicon: Lexicon, documents: Sequence[Document], lexicon_hash: str
) -> Weights:
    whole = [round(1000 * weight) for weight in learner.weights]
    words, concepts = len(space.words), len(space.concepts)
    high = _threshold(learner, documents)
    return Weights(
        format=1,
        lexicon=lexicon_hash,
        bias=round(1000 * learner.bias),
        thresholds=Thresholds(medium=high - MEDIUM_BELOW, high=high, critical=high + CRITICAL_ABOVE),
        features={literal: weight for literal, weight in zip(space.words, whole, strict=False) if abs(weight) >= 20},
        concepts={
            concept: whole[words + place] for place, concept in enumerate(lexicon.concepts) if whole[words + place]
        },
        rules=tuple(whole[words + concepts + place] - rule.weight for place, rule in enumerate(lexicon.rules)),
    )


def _threshold(learner: Learner, documents: Sequence[Document]) -> int:
    """The least score at which no benign corpus raises more false alarms than it may."""
    benign: Mapping[str, list[float]] = defaultdict(list)
    for document in documents:
        if not document.attack:
            benign[document.corpus].append(max(map(learner.score, document.windows)))
    limits: list[float] = []
    for corpus, scores in benign.items():
        allowed = SOCIAL_ALARMS_MAX if corpus == SOCIAL_CORPUS else OTHER_ALARMS_MAX
        limits.append(sorted(scores, reverse=True)[math.floor(allowed * len(scores))])
    return math.ceil(1000 * max(limits, default=0.0)) + RESERVE


def _mask(bits: Mapping[str, int], concepts: Iterable[str]) -> int:
    mask = 0
    for concept in concepts:
        mask |= bits[concept]
    return mask
