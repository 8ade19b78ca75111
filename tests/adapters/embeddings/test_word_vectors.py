"""The embedder that comes in a wheel keeps the rules of its port, and needs no network."""

import socket

import pytest

from chimera.adapters.embeddings.word_vectors import WordVectors
from chimera.testing.embeddings_conformance import EmbeddingsConformance


@pytest.fixture(scope="session")
def loaded() -> WordVectors:
    return WordVectors()


class TestWordVectors(EmbeddingsConformance):
    @pytest.fixture
    def embeddings(self, loaded: WordVectors) -> WordVectors:
        return loaded


async def test_it_opens_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("an embedding reached for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    vectors = await WordVectors().embed(["nobody is asked"])
    assert len(vectors[0]) == 256


def test_its_name_holds_the_release_of_its_vectors() -> None:
    assert WordVectors().model.startswith("wordllama/0.")
