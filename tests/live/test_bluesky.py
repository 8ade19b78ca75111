"""The connector to Bluesky against the network's own servers: directory, data server and view."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager

import pytest
from mcp import Client

from chimera.adapters.system.clock import SystemClock
from chimera.connectors import desk
from chimera.connectors.bluesky.network import TOOLS, BlueskyNetwork
from chimera.connectors.social.accounts import Accounts
from chimera.connectors.social.wire import Wire
from chimera.testing.connector_conformance import Booth, ConnectorConformance, new_text
from tests.live import bluesky
from tests.live.bluesky import Bluesky, BlueskyStranger

pytestmark = [pytest.mark.live, pytest.mark.timeout(600), pytest.mark.requirement("R-N5", "R-H1")]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bluesky]:
    with bluesky.running(tmp_path_factory.mktemp("bluesky")) as started:
        yield started


@asynccontextmanager
async def booth_of(network: Bluesky) -> AsyncGenerator[Booth]:
    accounts = Accounts({"@nova.test": "password"}, lambda _name: bluesky.PASSWORD)
    async with Wire(network.url) as wire:
        behind = BlueskyNetwork(wire, accounts, SystemClock())
        async with Client(desk.build("chimera-bluesky", behind, TOOLS, instructions="")) as client:
            yield Booth(
                client=client,
                account="@nova.test",
                stranger=BlueskyStranger(network, "mila.test"),
                nuisance="@grump.test",
            )


class TestBlueskyConnector(ConnectorConformance):
    @pytest.fixture(autouse=True)
    def _network(self, network: Bluesky) -> None:
        self.network = network

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Booth]:
        async with booth_of(self.network) as booth:
            yield booth


async def test_links_handles_and_tags_are_told_by_their_place_in_bytes(network: Bluesky) -> None:
    async with booth_of(network) as booth:
        text = new_text("Größe: https://example.org/a, says @mila.test #coop")
        posted = await booth.act("post", more={"text": text})
        (record,) = [one["value"] for one in await network.posts("nova.test") if one["uri"] == posted["id"]]
        told = {
            feature["$type"].partition("#")[2]: text.encode()[facet["index"]["byteStart"] : facet["index"]["byteEnd"]]
            for facet in record["facets"]
            for feature in facet["features"]
        }
        assert told == {"link": b"https://example.org/a", "mention": b"@mila.test", "tag": b"#coop"}


async def test_a_quoted_post_is_shown_beside_a_picture(network: Bluesky) -> None:
    async with booth_of(network) as booth:
        theirs = await booth.stranger.say(new_text("Quote me."))
        posted = await booth.act("post", more={"text": new_text("Look at this."), "quote": theirs})
        (record,) = [one["value"] for one in await network.posts("nova.test") if one["uri"] == posted["id"]]
        assert record["embed"]["record"]["uri"] == theirs
