"""Every rule of `ports.embeddings` as a test. An embedder is one when its subclass passes."""

from __future__ import annotations

import math

import pytest

from chimera.ports.embeddings import Embeddings, likeness

PAIRS = (
    ("schedule a meeting with Ann on Tuesday", "put an appointment with Ann in the calendar", "dragons in level nine"),
    ("a patch broke the game's sound", "audio is missing since the game was updated", "pay by Friday"),
)  # fmt: skip


class EmbeddingsConformance:
    """All the rules. A subclass brings the fixture `embeddings`."""

    async def test_each_text_has_a_vector_of_length_one(self, embeddings: Embeddings) -> None:
        vectors = await embeddings.embed(["a cat", "a dog and a cat", "ein Hund"])
        assert [len(vector) for vector in vectors] == [embeddings.dimensions] * 3
        assert all(math.isclose(likeness(vector, vector), 1, abs_tol=1e-4) for vector in vectors)

    async def test_the_same_text_has_the_same_vector_in_any_company(self, embeddings: Embeddings) -> None:
        (alone,) = await embeddings.embed(["co-op week is back"])
        beside = (await embeddings.embed(["something much longer than the other " * 20, "co-op week is back"]))[1]
        assert likeness(alone, beside) > 0.9999

    async def test_a_text_without_words_is_like_nothing(self, embeddings: Embeddings) -> None:
        empty, blank, cat = await embeddings.embed(["", " \n", "a cat"])
        assert likeness(empty, cat) == likeness(blank, cat) == 0
        assert await embeddings.embed([]) == ()

    @pytest.mark.parametrize(("text", "like", "unlike"), PAIRS)
    async def test_what_means_the_same_is_nearer(
        self, embeddings: Embeddings, text: str, like: str, unlike: str
    ) -> None:
        one, near, far = await embeddings.embed([text, like, unlike])
        assert likeness(one, near) > likeness(one, far) + 0.1

    async def test_long_and_odd_texts_have_vectors(self, embeddings: Embeddings) -> None:
        vectors = await embeddings.embed(["word " * 100_000, "\x00\ud7ff🦖", "日本語のテキスト"])
        assert all(math.isfinite(value) for vector in vectors for value in vector)
