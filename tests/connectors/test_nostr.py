"""The connector to Nostr keeps what every connector promises: against a relay of the library's own, on this machine."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from mcp import Client
from nostr_sdk import Client as NostrClient
from nostr_sdk import Filter, Keys, Kind, LocalRelayBuilder, PublicKey, RelayUrl, ReqTarget

from chimera.adapters.system.clock import SystemClock
from chimera.connectors import desk
from chimera.connectors.nostr import events
from chimera.connectors.nostr.network import TOOLS, NostrNetwork
from chimera.connectors.social.accounts import Accounts
from chimera.connectors.social.journal import Journal
from chimera.testing.connector_conformance import Booth, ConnectorConformance, new_key, new_text

pytestmark = pytest.mark.requirement("R-N5", "R-H1")
ASK = timedelta(seconds=5)


class NostrStranger:
    """Somebody with a client of his own on the same relay."""

    def __init__(self, client: NostrClient) -> None:
        self._client = client
        self._keys = Keys.generate()

    @property
    def handle(self) -> str:
        return events.handle_of(self._keys.public_key())

    async def say(self, text: str, *, to: str = "") -> str:
        tags = [["p", key_of(to).to_hex()]] if to else []
        event = events.signed(self._keys, events.NOTE, text, tags, at_us=SystemClock().now_us())
        assert (await self._client.send_event(event, ok_timeout=ASK)).success
        return event.id().to_hex()

    async def texts_of(self, account: str) -> list[str]:
        return [event.content() for event in await self.seen(account, events.NOTE)]

    async def is_bot(self, account: str) -> bool:
        profiles = await self.seen(account, events.PROFILE)
        return bool(profiles) and msgspec.json.decode(profiles[0].content())["bot"] is True

    async def seen(self, account: str, kind: int) -> list[events.Event]:
        wanted = Filter().author(key_of(account)).kind(Kind(kind))
        return await self._client.fetch_events(ReqTarget.auto([wanted]), timeout=ASK)


def key_of(account: str) -> PublicKey:
    return PublicKey.parse(account.removeprefix("@"))


@asynccontextmanager
async def on_relay(folder: Path) -> AsyncGenerator[tuple[Booth, NostrNetwork]]:
    relay = LocalRelayBuilder().build()
    await relay.run()
    url = str(await relay.url())
    keys = Keys.generate()
    account = events.handle_of(keys.public_key())
    accounts = Accounts({account: "key"}, lambda _name: keys.secret_key().to_bech32())
    network = NostrNetwork((url,), accounts, Journal(folder / "nostr.jsonl", SystemClock()), SystemClock())
    other = NostrClient()
    await other.add_relay(RelayUrl.parse(url))
    await other.connect(and_wait=ASK)
    try:
        async with Client(desk.build("chimera-nostr", network, TOOLS, instructions="")) as client:
            nuisance = events.handle_of(Keys.generate().public_key())
            booth = Booth(
                client=client, account=account, stranger=NostrStranger(other), nuisance=nuisance, holds_pictures=False
            )
            yield booth, network
    finally:
        await network.close()
        await other.shutdown()
        relay.shutdown()


class TestNostrConnector(ConnectorConformance):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Booth]:
        async with on_relay(self.folder) as (booth, _network):
            yield booth


async def test_a_second_connector_with_the_journal_of_the_first_sends_the_same_event(tmp_path: Path) -> None:
    """As after a crash between the relay's answer and ours: the event is the same to the byte, so it is there once."""
    async with on_relay(tmp_path) as (booth, network):
        key, text = new_key(), new_text("Killed in between.")
        first = await booth.act("post", key=key, more={"text": text})
        path = tmp_path / "nostr.jsonl"
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(line for line in lines if b'"receipt"' not in line))
        network._journal = Journal(path, SystemClock())
        assert network._journal.receipts() == ()
        again = await booth.act("post", key=key, more={"text": text})
        assert again == first
        assert await booth.times(text) == 1


async def test_a_journal_that_was_lost_denies_nothing(tmp_path: Path) -> None:
    async with on_relay(tmp_path) as (booth, network):
        key = new_key()
        await booth.act("post", key=key, more={"text": new_text("Who remembers?")})
        (tmp_path / "nostr.jsonl").unlink()
        network._journal = Journal(tmp_path / "nostr.jsonl", SystemClock())
        unsure = await booth.call("find_by_key", {"account": booth.account, "key": key})
        assert unsure["code"] == "journal_younger"
        assert "found" not in unsure
