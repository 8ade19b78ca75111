"""Which of thousands of tools fit a wish: words (BM25) and meaning (vectors) together, among what is permitted only.

Ranks; permits nothing. What may not be used is taken out before anything is ranked, so that it cannot push aside.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from chimera.domain.recent import Recent
from chimera.domain.tools import Definition
from chimera.gateway import acts
from chimera.gateway.thesaurus import said_of
from chimera.gateway.wording import parts, spelt, stem, stems
from chimera.ports.embeddings import Embeddings
from chimera.ports.toolbox import Found

SATURATION = 1.2
LENGTH_WEIGHT = 0.3
NAME_WEIGHT = 3
SERVER_WEIGHT = 2
SAID_WEIGHT = 3
MEANING_SHARE = 0.5
WHOLE_SHARE = 0.3
VERB_SHARE = 0.7
NEAR_WEIGHT = 0.8
NEAR_MIN = 0.3
NEAR_MAX = 12
NEAR_KEPT_MAX = 20_000
TIMES_MAX = 3
QUERY_CHARS_MAX = 1_000
DESCRIPTION_CHARS_MAX = 600
ACT_SHARE = 0.3
SERVER_SHARE = 0.4


class Selector:
    """An index over definitions. Made anew when they change; asked without waiting for anything."""

    def __init__(self, definitions: Iterable[Definition], embeddings: Embeddings) -> None:
        self._definitions = tuple(definitions)
        self._embeddings = embeddings
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
        self._acts = np.array([acts.act_of(one) for one in self._definitions], dtype=np.int64)
        self._named = [frozenset(map(stem, acts.named(one))) for one in self._definitions]
        servers = tuple(dict.fromkeys(one.server for one in self._definitions))
        numbers = {server: number for number, server in enumerate(servers)}
        self._homes = [frozenset(stems(server)) for server in servers]
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
        vectors = await self._vectors(tuple(map(spelt, self._vocabulary)))
        # What all words have in common says nothing about any of them.
        self._common = vectors.mean(axis=0) if len(vectors) else np.zeros(self._embeddings.dimensions, np.float32)
        self._words = _unit(vectors - self._common)
        self._places = {word: place for place, word in enumerate(self._vocabulary)}
        self._near: Recent[str, tuple[tuple[str, float], ...]] = Recent(NEAR_KEPT_MAX)
        self._texts = np.zeros((len(self._counts), self._embeddings.dimensions), dtype=np.float32)
        for row, count in enumerate(self._counts):
            where = [self._places[word] for word in count]
            weights = np.array(
                [self._rarity[word] * min(times, TIMES_MAX) for word, times in count.items()], np.float32
            )
            self._texts[row] = weights @ self._words[where] if where else 0
        self._texts = _unit(self._texts)
        whole = await self._vectors([_whole(one) for one in self._definitions])
        self._middle = whole.mean(axis=0) if len(whole) else self._common
        self._wholes = _unit(whole - self._middle)

    async def _vectors(self, texts: Sequence[str]) -> Any:  # noqa: ANN401 – one row for each text.
        rows = await self._embeddings.embed(texts)
        return np.frombuffer(b"".join(row.tobytes() for row in rows), dtype=np.float32).reshape(
            -1, self._embeddings.dimensions
        )

    async def _scores(self, wish: str) -> Any:  # noqa: ANN401 – one number for each tool.
        words = tuple(dict.fromkeys(stems(wish)))
        if not self._acts.size or not words:
            return np.zeros(len(self._definitions), dtype=np.float32)
        vectors, verb = await self._vectors_of(words), acts.verb_of(wish)
        # What is to be done counts by itself, below: as a word it would pull in whatever is done to anything.
        shares = [VERB_SHARE if word == stem(verb) and acts.is_order(verb) else 1.0 for word in words]
        scores = np.zeros(len(self._definitions), dtype=np.float32)
        for word, vector, share in zip(words, vectors, shares, strict=True):
            scores += share * self._fit(word, vector)
        rare = np.array([self._rarity.get(word, self._rarest) for word in words], dtype=np.float32)
        asked = _unit(((rare * np.array(shares, dtype=np.float32)) @ vectors)[None, :])[0]
        near = np.maximum(np.einsum("ij,j->i", self._texts, asked), 0)
        fits = (1 - MEANING_SHARE) * _scaled(scores) + MEANING_SHARE * near + WHOLE_SHARE * await self._whole_fit(wish)
        return fits * (1 + ACT_SHARE * self._act_fit(verb)) * self._home_fit(frozenset(words))

    async def _whole_fit(self, wish: str) -> Any:  # noqa: ANN401 – one number for each tool.
        """How near the wish is, as one text, to what each tool says of itself."""
        asked = _unit(await self._vectors((wish,)) - self._middle)[0]
        return np.maximum(np.einsum("ij,j->i", self._wholes, asked), 0)

    def _act_fit(self, verb: str) -> Any:  # noqa: ANN401 – one number for each tool.
        """How well what each tool does fits the verb; a tool that is named by that verb does just that."""
        same = np.array([stem(verb) in one for one in self._named], dtype=np.float32)
        return np.maximum(acts.fit_of(verb)[self._acts], same)

    def _home_fit(self, words: frozenset[str]) -> Any:  # noqa: ANN401 – one number for each tool.
        """More for the tools of a server that is named."""
        named = [1.0 + SERVER_SHARE * bool(one and one <= words) for one in self._homes]
        return np.array(named, dtype=np.float32)[self._home]

    async def _vectors_of(self, words: Sequence[str]) -> Any:  # noqa: ANN401 – one row for each word.
        strange = [word for word in words if word not in self._places]
        found = dict(zip(strange, await self._strange(strange), strict=True)) if strange else {}
        return np.array([found[word] if word in found else self._words[self._places[word]] for word in words])

    async def _strange(self, words: Sequence[str]) -> Any:  # noqa: ANN401 – one row for each word.
        return _unit(await self._vectors(tuple(map(spelt, words))) - self._common)

    def _fit(self, word: str, vector: Any) -> Any:  # noqa: ANN401 – one number for each tool.
        """How well each tool has this word: itself, or what means nearly the same."""
        best = np.zeros(len(self._definitions), dtype=np.float32)
        for other, weight in self._readings(word, vector):
            where, worth = self._postings[other]
            best[where] = np.maximum(best[where], weight * worth)
        return best

    def _readings(self, word: str, vector: Any) -> Iterable[tuple[str, float]]:  # noqa: ANN401 – its vector.
        if word not in self._near:
            self._near[word] = tuple(self._looked_up(word, vector))
        return self._near[word]

    def _looked_up(self, word: str, vector: Any) -> Iterable[tuple[str, float]]:  # noqa: ANN401 – its vector.
        if word in self._postings:
            yield word, 1.0
        near = np.einsum("ij,j->i", self._words, vector)
        for place in np.argsort(-near)[:NEAR_MAX]:
            if near[place] < NEAR_MIN:
                return
            yield self._vocabulary[int(place)], NEAR_WEIGHT * float(near[place])


def _unit(rows: Any) -> Any:  # noqa: ANN401 – the rows, each of length one.
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def _scaled(scores: Any) -> Any:  # noqa: ANN401 – numbers to the same numbers, the best of them one.
    best = float(scores.max()) if scores.size else 0.0
    return scores / best if best > 0 else scores


def _counted(definition: Definition) -> Counter[str]:
    """How often each word counts for a tool: what it says of itself, its name, and what people say for that."""
    count: Counter[str] = Counter(stems(definition.description[:DESCRIPTION_CHARS_MAX]))
    for text, weight in ((definition.name, NAME_WEIGHT), (definition.server, SERVER_WEIGHT)):
        for word in stems(text):
            count[word] += weight
    for name in definition.input_schema().get("properties", {}):
        count.update(stems(name))
    for word in said_of(definition):
        count[word] += SAID_WEIGHT
    return count


def _whole(definition: Definition) -> str:
    named = " ".join((*parts(definition.server), *parts(definition.name)))
    return f"{named}. {definition.description[:DESCRIPTION_CHARS_MAX]}"
