"""Which tools fit a wish: measured on queries that nobody tuned on, and never a tool that may not be used."""

from __future__ import annotations

import asyncio

import pytest

from chimera.adapters.embeddings.word_vectors import WordVectors
from chimera.bench import tool_corpus
from chimera.domain.tools import Definition
from chimera.gateway.selection import Selector
from chimera.gateway.thesaurus import said_of
from chimera.gateway.wording import stems

pytestmark = [pytest.mark.requirement("R-H1"), pytest.mark.timeout(180)]
# The aim. What was measured is in docs/decisions/ADR-180.
UNTOUCHED_MIN = 0.90


@pytest.fixture(scope="module")
def index() -> Selector:
    return asyncio.run(Selector.made((*tool_corpus.real_tools(), *tool_corpus.generated_tools()), WordVectors()))


def test_the_corpus_is_what_it_says() -> None:
    real, generated = tuple(tool_corpus.real_tools()), tuple(tool_corpus.generated_tools())
    asked = tool_corpus.queries()
    names = {one.full_name for one in (*real, *generated)}
    assert len(real) >= 500
    assert len(real) + len(generated) >= 2_000
    assert len(asked) >= 300
    assert 0.35 < sum(query.is_untouched for query in asked) / len(asked) < 0.65
    assert all(query.accepted <= names for query in asked)
    assert len({query.text for query in asked}) == len(asked)


@pytest.mark.slow
@pytest.mark.parametrize("is_real", [True, False])
async def test_nine_wishes_of_ten_of_the_untouched_half_are_found(index: Selector, is_real: bool) -> None:
    asked = [one for one in tool_corpus.queries() if one.is_untouched and one.is_real is is_real]
    hits = [any(found.definition.full_name in one.accepted for found in await index.select(one.text)) for one in asked]
    assert sum(hits) / len(hits) >= UNTOUCHED_MIN


async def test_what_may_not_be_used_is_not_ranked(index: Selector) -> None:
    wish = "send an email with Gmail"
    everything = await index.select(wish)
    best = everything[0].definition
    assert best.full_name == "google/send_gmail_message"
    fewer = await index.select(wish, may_use=lambda one: one.server != "google")
    assert len(fewer) == 5
    assert all(one.definition.server != "google" for one in fewer)
    assert await index.select(wish, may_use=lambda one: False) == ()
    assert await index.select("   ") == ()


@pytest.mark.parametrize(
    ("name", "words"),
    [("getFileInfo", ["get", "file", "info"]), ("XMLFiles_v2", ["xml", "file", "v", "2"]), ("the-replies", ["reply"])],
)
def test_names_and_wishes_are_split_into_the_same_words(name: str, words: list[str]) -> None:
    assert stems(name) == words


def a_tool(name: str, *, server: str = "desk") -> Definition:
    return Definition(server=server, name=name, description="", schema="{}")


def test_a_tool_is_found_by_what_people_say_for_all_the_words_of_its_name() -> None:
    regularly = stems("regular")[0]
    assert regularly in said_of(a_tool("create_standing_order"))
    assert regularly not in said_of(a_tool("create_cake_order"))


async def test_an_order_favours_who_does_it_and_a_question_who_tells() -> None:
    index = await Selector.made([a_tool("list_bouquets"), a_tool("delete_bouquet")], WordVectors())
    for wish, best in (
        ("Could you please remove my bouquet?", "delete_bouquet"),
        ("which bouquets are there", "list_bouquets"),
        ("bouquets: delete one", "delete_bouquet"),
    ):
        assert (await index.select(wish))[0].definition.name == best, wish


async def test_an_empty_index_finds_nothing() -> None:
    assert await (await Selector.made((), WordVectors())).select("anything") == ()
