"""The connector to the Mastodon API against snac2, which forgets keys and cannot delete."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from mcp import Client

from chimera.adapters.system.clock import SystemClock
from chimera.connectors import desk
from chimera.connectors.mastodon.network import TOOLS, MastodonNetwork
from chimera.connectors.social.accounts import Accounts
from chimera.connectors.social.journal import Journal
from chimera.connectors.social.wire import Wire
from chimera.testing.connector_conformance import Booth, ConnectorConformance, new_key, new_text
from tests.live import snac
from tests.live.snac import Snac, SnacStranger

pytestmark = [pytest.mark.live, pytest.mark.timeout(300), pytest.mark.requirement("R-N5", "R-H1")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snac]:
    with snac.running(tmp_path_factory.mktemp("snac")) as started:
        yield started


@asynccontextmanager
async def booth_of(server: Snac, folder: Path) -> AsyncGenerator[tuple[Booth, MastodonNetwork]]:
    accounts = Accounts({"@nova": "token"}, lambda _name: server.tokens["nova"])
    clock = SystemClock()
    async with Wire(server.url) as wire:
        network = MastodonNetwork(wire, accounts, Journal(folder / "mastodon.jsonl", clock), clock)
        async with Client(desk.build("chimera-mastodon", network, TOOLS, instructions="")) as client:
            yield (
                Booth(
                    client=client,
                    account="@nova",
                    stranger=SnacStranger(server, "mila"),
                    nuisance=SnacStranger(server, "troll").handle,
                    deletes=False,
                ),
                network,
            )


class TestMastodonConnector(ConnectorConformance):
    @pytest.fixture(autouse=True)
    def _places(self, server: Snac, tmp_path: Path) -> None:
        self.server, self.folder = server, tmp_path

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Booth]:
        async with booth_of(self.server, self.folder) as (booth, _network):
            yield booth


async def test_a_post_whose_answer_was_lost_is_found_by_its_words_and_never_sent_again(
    server: Snac, tmp_path: Path
) -> None:
    async with booth_of(server, tmp_path) as (booth, network):
        key, text = new_key(), new_text("Did it go out?")
        first = await booth.act("post", key=key, more={"text": text})
        path = tmp_path / "mastodon.jsonl"
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(line for line in lines if b'"receipt"' not in line))
        network._journal = Journal(path, SystemClock())
        found = await booth.call("find_by_key", {"account": "@nova", "key": key})
        assert found["receipt"]["id"] == first["id"]
        assert await booth.times(text) == 1


async def test_a_warning_stands_before_the_text_and_a_private_post_is_not_public(server: Snac, tmp_path: Path) -> None:
    async with booth_of(server, tmp_path) as (booth, _network):
        text = new_text("The ending is sad.")
        posted = await booth.act("post", more={"text": text, "content_warning": "spoiler"})
        (status,) = [one for one in await server.statuses("nova") if one["id"] == posted["id"]]
        assert status["spoiler_text"] == "spoiler"
        assert status["sensitive"] is True
        hidden = await booth.act("post", more={"text": new_text("Between us."), "visibility": "private"})
        assert hidden["id"] not in {one["id"] for one in await server.statuses("nova")}
        async with server.client("nova") as client:
            status = (await client.get(f"/api/v1/statuses/{hidden['id']}")).json()
        assert status["visibility"] == "private"
