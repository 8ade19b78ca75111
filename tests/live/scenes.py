"""The networks as the whole fleet meets them: how each is named to it, who else is there, and what is on record."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from msgspec import Struct
from nostr_sdk import Client, Filter, Keys, Kind, LocalRelayBuilder, PublicKey, RelayUrl, ReqTarget

from chimera.connectors.mastodon.markup import plain_text
from chimera.connectors.nostr import events
from chimera.testing.connector_conformance import Stranger
from tests import fleet
from tests.connectors.test_nostr import NostrStranger
from tests.live import bluesky, snac
from tests.live.bluesky import BlueskyStranger
from tests.live.snac import SnacStranger
from tests.live.tripwire import Tripwire, tripwire

ASK = timedelta(seconds=5)
NEWSDESK = Path(__file__).parents[2] / "agents" / "studio.newsdesk"


class Scene(Struct, frozen=True, kw_only=True):
    """One network, reached over a line that can strike."""

    platform: str
    account: str
    secret: str
    table: str
    wire: Tripwire
    texts: Callable[[], list[str]]
    stranger: Stranger
    shows_pictures: bool = True
    deletes: bool = True
    deduplicates: bool = True  # By a key of ours: what may have been sent is sent again.


def at_home(home: Path, scene: Scene) -> None:
    """An agent with an account there, its secret entrusted, the network named. Nothing is running yet."""
    secrets = home / "secrets"
    secrets.mkdir(mode=0o700, parents=True)
    home.chmod(0o700)
    (secrets / "persona").write_text(scene.secret)
    (secrets / "persona").chmod(0o600)
    (home / "networks.toml").write_text(scene.table)
    package = home.with_name(NEWSDESK.name)
    package.mkdir()
    for file in NEWSDESK.iterdir():
        (package / file.name).write_bytes(file.read_bytes())
    written: dict[str, Any] = yaml.safe_load((package / "manifest.yaml").read_text())
    written["permissions"] = ["trends.read", "mentions.read", "web.read", "note.keep", "media.make", "post.publish",
                              "post.reply", "post.like", "post.take_down"]  # fmt: skip
    written["capabilities"] = ["trends", "copy", "community", "media", "research", "relay"]
    written["accounts"] = [{"platform": scene.platform, "handle": scene.account}]
    written["schedule"]["posts_per_day_max"] = 200
    (package / "manifest.yaml").write_text(yaml.safe_dump(written, sort_keys=False))
    for words in (("agent", "install", package), ("agent", "activate", "studio.newsdesk")):
        done = fleet.chimera(home, *words)
        assert done.code == 0, done


@contextmanager
def on_bluesky(folder: Path) -> Generator[Scene]:
    with (
        bluesky.running(folder) as network,
        tripwire(urlsplit(network.url).port or 0, (b"repo.putRecord", b'"app.bsky.feed.post"')) as wire,
    ):
        yield Scene(
            platform="bluesky", account="@nova.test", secret=bluesky.PASSWORD, wire=wire,
            table=f'[bluesky]\nserver = "http://localhost:{wire.port}"\naccounts = {{ "@nova.test" = "persona" }}\n',
            texts=lambda: [one["value"]["text"] for one in _now(lambda: network.posts("nova.test"))],
            stranger=BlueskyStranger(network, "mila.test"),
        )  # fmt: skip


@contextmanager
def on_snac(folder: Path) -> Generator[Scene]:
    with (
        snac.running(folder) as server,
        tripwire(urlsplit(server.url).port or 0, (b"POST /api/v1/statuses HTTP",)) as wire,
    ):
        yield Scene(
            platform="mastodon", account="@nova", secret=server.tokens["nova"], wire=wire,
            table=f'[mastodon]\nserver = "http://localhost:{wire.port}"\naccounts = {{ "@nova" = "persona" }}\n',
            texts=lambda: [plain_text(one["content"]) for one in _now(lambda: server.statuses("nova"))],
            stranger=SnacStranger(server, "mila"), deletes=False, deduplicates=False,
        )  # fmt: skip


@contextmanager
def on_nostr(_folder: Path) -> Generator[Scene]:
    keys, other = Keys.generate(), Client()
    account = events.handle_of(keys.public_key())
    relay = LocalRelayBuilder().build()
    runner = asyncio.Runner()
    runner.run(relay.run())
    url = str(runner.run(relay.url()))
    runner.run(other.add_relay(RelayUrl.parse(url)))
    runner.run(other.connect(and_wait=ASK))
    wanted = Filter().author(PublicKey.parse(account.removeprefix("@"))).kind(Kind(events.NOTE))

    def texts() -> list[str]:
        asked = other.fetch_events(ReqTarget.auto([wanted]), timeout=ASK)
        return [event.content() for event in runner.run(asked)]

    try:
        with tripwire(urlsplit(url).port or 0, (b'"EVENT"', b'"kind":1,'), masked=True) as wire:
            yield Scene(
                platform="nostr", account=account, secret=keys.secret_key().to_bech32(), wire=wire,
                table=f'[nostr]\nrelays = ["ws://127.0.0.1:{wire.port}"]\naccounts = {{ "{account}" = "persona" }}\n',
                texts=texts, stranger=NostrStranger(other), shows_pictures=False,
            )  # fmt: skip
    finally:
        runner.run(other.shutdown())
        relay.shutdown()
        runner.close()


def _now(asked: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    return asyncio.run(asked())
