"""Which of thousands of tools fit a wish: words (BM25) and meaning (vectors) together, among what is permitted only.

Ranks; permits nothing. What may not be used is taken out before anything is ranked, so that it cannot push aside.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from chimera.domain.tools import Definition
from chimera.ports.embeddings import Embeddings
from chimera.ports.toolbox import Found

SATURATION = 1.2
LENGTH_WEIGHT = 0.4
NAME_WEIGHT = 3
SERVER_WEIGHT = 2
MEANING_SHARE = 0.5
SYNONYM_WEIGHT = 0.5
NEAR_WEIGHT = 0.8
NEAR_MIN = 0.2
NEAR_MAX = 12
NEAR_KEPT_MAX = 20_000
STEMS_KEPT_MAX = 20_000  # Thousands of tools are described with few words.
TIMES_MAX = 3
QUERY_CHARS_MAX = 1_000
DESCRIPTION_CHARS_MAX = 600
SYNONYMS = Path(__file__).parent / "synonyms.txt"
_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
ACT_SHARE = 0.8
SERVER_SHARE = 0.5
OTHER_FIT = 0.5


# By their first word: what tools are named for, and how people ask for it.
def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ACTS = {
    "create": _set(
        "create add insert new open start register publish send post write import upload generate "
        "install schedule draft append push"
    ),
    "get": _set("get read show retrieve describe fetch view check status info inspect"),
    "list": _set("list"),
    "search": _set("search find query lookup"),
    "update": _set("update edit modify set patch change rename move replace manage"),
    "delete": _set("delete remove drop cancel stop close clear erase"),
}
_ORDERS = {
    "create": _set(
        "add book create make new open write register reserve enter report note record sign apply plan "
        "invite declare store publish begin order send put set take rent call schedule pay buy"
    ),
    "get": _set("get read show look see check fetch view download price date result"),
    "list": _set("list show all songs people tests answers logs"),
    "search": _set("find search look query"),
    "update": _set("change move renew rename swap update replace edit mark adjust set put"),
    "delete": _set("cancel delete drop remove block end kick stop forget erase refund forbid"),
}
_ASKS = _set("what which who whom whose when where why how is are did does do was were will can")
_ACT_NUMBERS = {act: number for number, act in enumerate((*_ACTS, "other"))}
_SPELLINGS: dict[str, str] = {}  # How a stem was written where it was first met.
_IDLE_WORDS = (
    "a an the of to in on for with and or is are be was were by from at as it its this that these those my your our i "
    "me we you he she they them what which who whom whose when where why how do does did can could will would should "
    "may might must have has had been not no if then than into about over all any some every each more most so "
    "somebody someone something let give tell please"
)
_IDLE = frozenset(_IDLE_WORDS.split())


class Selector:
    """An index over definitions. Made anew when they change; asked without waiting for anything."""

    def __init__(self, definitions: Iterable[Definition], embeddings: Embeddings) -> None:
        self._definitions = tuple(definitions)
        self._embeddings = embeddings
        self._synonyms = _synonyms()
        self._counts = [_counted(one) for one in self._definitions]
        self._index_words()

    @classmethod
    async def made(cls, definitions: Iterable[Definition], embeddings: Embeddings) -> Selector:
        """The index, with its vectors."""
        selector = cls(definitions, embeddings)
        await selector._index_meaning()
        return selector

    def __len__(self) -> int:
        return len(self._definitions)

    async def select(
        self, wish: str, *, may_use: Callable[[Definition], bool] | None = None, limit: int = 5
    ) -> tuple[Found, ...]:
        """The best few, among those that may be used."""
        allowed = self._allowed(may_use)
        if not allowed.size or not wish.strip():
            return ()
        scores = await self._scores(wish[:QUERY_CHARS_MAX])
        best = allowed[np.argsort(-scores[allowed], kind="stable")[:limit]]
        return tuple(
            Found(definition=self._definitions[int(place)], score=round(float(scores[place]), 4))
            for place in best
            if scores[place] > 0
        )

    def _allowed(self, may_use: Callable[[Definition], bool] | None) -> Any:  # noqa: ANN401 – an array of places.
        if may_use is None:
            return np.arange(len(self._definitions))
        return np.array([place for place, one in enumerate(self._definitions) if may_use(one)], dtype=np.int64)

    # ── words ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _index_words(self) -> None:
        self._acts = np.array([_ACT_NUMBERS[_act_of(_tool_words(one))] for one in self._definitions], dtype=np.int64)
        servers = tuple(dict.fromkeys(one.server for one in self._definitions))
        numbers = {server: number for number, server in enumerate(servers)}
        self._homes = [frozenset(_words(server)) for server in servers]
        self._home = np.array([numbers[one.server] for one in self._definitions], dtype=np.int64)
        lengths = np.array([sum(count.values()) for count in self._counts] or [1.0], dtype=np.float32)
        norm = SATURATION * (1 - LENGTH_WEIGHT + LENGTH_WEIGHT * lengths / max(float(lengths.mean()), 1.0))
        places: defaultdict[str, list[int]] = defaultdict(list)
        for place, count in enumerate(self._counts):
            for word in count:
                places[word].append(place)
        self._postings: dict[str, tuple[Any, Any]] = {}
        self._rarity: dict[str, float] = {}
        for word, where in places.items():
            self._rarity[word] = rare = math.log(1 + (len(self._counts) - len(where) + 0.5) / (len(where) + 0.5))
            often = np.array([self._counts[place][word] for place in where], dtype=np.float32)
            self._postings[word] = (np.array(where), rare * often * (SATURATION + 1) / (often + norm[where]))

    # ── meaning ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _index_meaning(self) -> None:
        """A vector for every word, and for every tool the sum of its words', the rare ones counting more."""
        self._vocabulary = tuple(self._postings)
        self._rarest = math.log(1 + 2 * len(self._counts))
        vectors = await self._vectors(tuple(map(self._spelt, self._vocabulary)))
        # What all words have in common says nothing about any of them.
        self._common = vectors.mean(axis=0) if len(vectors) else np.zeros(self._embeddings.dimensions, np.float32)
        self._words = _unit(vectors - self._common)
        self._places = {word: place for place, word in enumerate(self._vocabulary)}
        self._near: dict[str, tuple[tuple[str, float], ...]] = {}
        self._texts = np.zeros((len(self._counts), self._embeddings.dimensions), dtype=np.float32)
        for row, count in enumerate(self._counts):
            where = [self._places[word] for word in count]
            weights = np.array(
                [self._rarity[word] * min(times, TIMES_MAX) for word, times in count.items()], np.float32
            )
            self._texts[row] = weights @ self._words[where] if where else 0
        self._texts = _unit(self._texts)

    def _spelt(self, stem: str) -> str:
        return _SPELLINGS.get(stem, stem)

    async def _vectors(self, texts: Sequence[str]) -> Any:  # noqa: ANN401 – one row for each text.
        rows = await self._embeddings.embed(texts)
        return np.frombuffer(b"".join(row.tobytes() for row in rows), dtype=np.float32).reshape(
            -1, self._embeddings.dimensions
        )

    async def _scores(self, wish: str) -> Any:  # noqa: ANN401 – one number for each tool.
        words = tuple(dict.fromkeys(_words(wish)))
        vectors = await self._vectors_of(words)
        scores = np.zeros(len(self._definitions), dtype=np.float32)
        for word, vector in zip(words, vectors, strict=True):
            scores += self._fit(word, vector)
        rare = np.array([self._rarity.get(word, self._rarest) for word in words], dtype=np.float32)
        asked = _unit((rare @ vectors)[None, :])[0] if len(words) else np.zeros(self._texts.shape[1], np.float32)
        near = np.maximum(np.einsum("ij,j->i", self._texts, asked), 0)
        fits = (1 - MEANING_SHARE) * _scaled(scores) + MEANING_SHARE * near
        if not self._acts.size:
            return fits
        named = np.array(
            [1.0 + SERVER_SHARE * bool(one and one <= set(words)) for one in self._homes], dtype=np.float32
        )
        return fits * (1 + ACT_SHARE * _act_fit(wish)[self._acts]) * named[self._home]

    async def _vectors_of(self, words: Sequence[str]) -> Any:  # noqa: ANN401 – one row for each word.
        if not words:
            return np.zeros((0, self._texts.shape[1]), dtype=np.float32)
        strange = [word for word in words if word not in self._places]
        found = dict(zip(strange, await self._strange(strange), strict=True)) if strange else {}
        return np.array([found[word] if word in found else self._words[self._places[word]] for word in words])

    async def _strange(self, words: Sequence[str]) -> Any:  # noqa: ANN401 – one row for each word.
        return _unit(await self._vectors(tuple(map(self._spelt, words))) - self._common)

    def _fit(self, word: str, vector: Any) -> Any:  # noqa: ANN401 – one number for each tool.
        """How well each tool has this word: itself, what tools say for it, or what means nearly the same."""
        best = np.zeros(len(self._definitions), dtype=np.float32)
        for other, weight in self._readings(word, vector):
            where, worth = self._postings[other]
            best[where] = np.maximum(best[where], weight * worth)
        return best

    def _readings(self, word: str, vector: Any) -> Iterable[tuple[str, float]]:  # noqa: ANN401 – its vector.
        if word not in self._near:
            if len(self._near) > NEAR_KEPT_MAX:
                self._near.clear()
            self._near[word] = tuple(self._looked_up(word, vector))
        return self._near[word]

    def _looked_up(self, word: str, vector: Any) -> Iterable[tuple[str, float]]:  # noqa: ANN401 – its vector.
        if word in self._postings:
            yield word, 1.0
        for other in self._synonyms.get(word, ()):
            if other in self._postings:
                yield other, SYNONYM_WEIGHT
        near = np.einsum("ij,j->i", self._words, vector)
        for place in np.argsort(-near)[:NEAR_MAX]:
            if near[place] < NEAR_MIN:
                return
            yield self._vocabulary[int(place)], NEAR_WEIGHT * float(near[place])


def _act_of(words: Sequence[str]) -> str:
    """What a tool's name, or a wish, says is to be done."""
    return next((act for word in words for act, verbs in _ACTS.items() if word in verbs), "other")


def _tool_words(definition: Definition) -> list[str]:
    own = set(_WORD.findall(definition.server))
    return [word.casefold() for word in _WORD.findall(definition.name) if word not in own]


def _act_fit(wish: str) -> Any:  # noqa: ANN401 – one number for each act.
    """How well each act fits what is wished for: a question is answered by reading, an order done by changing."""
    words = [word.casefold() for word in _WORD.findall(wish)]
    first = words[0] if words else ""
    if first in _ASKS:
        fit = {"list": 1.0, "get": 0.9, "search": 0.9}
    else:
        fit = dict.fromkeys([act for act, verbs in _ORDERS.items() if first in verbs], 1.0) or {
            "create": 0.8,
            "update": 0.4,
        }
    return np.array([fit.get(act, OTHER_FIT if act == "other" else 0.0) for act in _ACT_NUMBERS], dtype=np.float32)


def _unit(rows: Any) -> Any:  # noqa: ANN401 – the rows, each of length one.
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def _scaled(scores: Any) -> Any:  # noqa: ANN401 – numbers to the same numbers, the best of them one.
    best = float(scores.max()) if scores.size else 0.0
    return scores / best if best > 0 else scores


def _counted(definition: Definition) -> Counter[str]:
    count: Counter[str] = Counter(_words(definition.description[:DESCRIPTION_CHARS_MAX]))
    for text, weight in ((definition.name, NAME_WEIGHT), (definition.server, SERVER_WEIGHT)):
        for word in _words(text):
            count[word] += weight
    for name in definition.input_schema().get("properties", {}):
        count.update(_words(name))
    return count


def _words(text: str) -> list[str]:
    found = [word for match in _WORD.findall(text) if (word := match.casefold()) not in _IDLE]
    for word in found:
        _SPELLINGS.setdefault(_stem(word), word)
    return [_stem(word) for word in found]


@lru_cache(maxsize=STEMS_KEPT_MAX)
def _stem(word: str) -> str:
    """The word without the ending that its grammar gave it, roughly."""
    for ending, instead in (("ies", "y"), ("sses", "ss"), ("ing", ""), ("ed", ""), ("es", "e"), ("s", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            word = word[: -len(ending)] + instead
            break
    return word[:-1] if word.endswith("e") and len(word) > 4 else word


def _synonyms() -> dict[str, tuple[str, ...]]:
    """For each word, the words that tools use for it."""
    found: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for line in SYNONYMS.read_text("utf-8").splitlines():
        tool_words, _, said = line.partition(":")
        for word in said.split():
            for tool_word in tool_words.split():
                found[_stem(word)][_stem(tool_word)] = None
    return {word: tuple(others) for word, others in found.items()}
