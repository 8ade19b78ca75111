"""X, Threads, Instagram, YouTube against fakes of their wire: the suite of every connector, and what goes wrong there.

The platforms themselves were never spoken to.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

from chimera.adapters.system.clock import SystemClock
from chimera.assembly.networks import DEDUPLICATES
from chimera.connectors import desk
from chimera.connectors.bluesky import network as bluesky
from chimera.connectors.instagram import network as instagram
from chimera.connectors.social.accounts import Accounts
from chimera.connectors.social.configured import SERVERS, TRIED_ON, read_networks
from chimera.connectors.social.journal import Journal
from chimera.connectors.social.limits import DAY, PUBLISHED, Limits
from chimera.connectors.social.wire import Wire
from chimera.connectors.threads import network as threads
from chimera.connectors.x import length
from chimera.connectors.x import network as x
from chimera.connectors.youtube import network as youtube
from chimera.ports.clock import Clock
from chimera.testing.connector_conformance import PICTURE, Booth, ConnectorConformance, new_key, new_text
from tests.connectors.fake_platforms import (
    FakeInstagram,
    FakeThreads,
    FakeX,
    Platform,
    PlatformStranger,
    Refusal,
    graph,
    serving,
)
from tests.connectors.fake_youtube import FakeYouTube, google

pytestmark = pytest.mark.requirement("R-N5", "R-H1")
X_SECRET = {"client_id": "app", "refresh_token": "first"}
THREADS_SECRET = {"access_token": "first"}
YOUTUBE_SECRET = {"client_id": "app", "client_secret": "shh", "refresh_token": "first"}
FILM = base64.b64encode(b"\x00\x00\x00\x18ftypisom" + bytes(1_024)).decode()
IMAGE = {"url": "https://media.example/1.png", "alt": "a healer"}


@asynccontextmanager
async def on_x(folder: Path, fake: FakeX, *, secret: Callable[[], str] | None = None) -> AsyncGenerator[Booth]:
    accounts = Accounts({"@nova": "key"}, lambda _name: secret() if secret else json.dumps(X_SECRET))
    clock = SystemClock()
    async with serving(fake), Wire(fake.url) as wire:
        network = x.network(wire, accounts, Journal(folder / "x.jsonl", clock), clock, tokens=folder / "x.tokens")
        async with Client(desk.build("chimera-x", network, x.TOOLS, instructions="")) as client:
            yield Booth(client=client, account="@nova", stranger=PlatformStranger(fake, "mila"), nuisance="@troll",
                        lacks=frozenset(x.LACKS))  # fmt: skip


@asynccontextmanager
async def on_threads(folder: Path, fake: FakeThreads) -> AsyncGenerator[Booth]:
    accounts = Accounts({"@nova": "key"}, lambda _name: json.dumps(THREADS_SECRET))
    clock = SystemClock()
    async with serving(fake), Wire(fake.url) as wire:
        journal = Journal(folder / "threads.jsonl", clock)
        network = threads.network(wire, accounts, journal, clock, tokens=folder / "threads.tokens")
        async with Client(desk.build("chimera-threads", network, threads.TOOLS, instructions="")) as client:
            yield Booth(client=client, account="@nova", stranger=PlatformStranger(fake, "mila"), nuisance="@troll",
                        holds_pictures=False, lacks=frozenset(threads.LACKS))  # fmt: skip


@asynccontextmanager
async def on_instagram(folder: Path, fake: FakeInstagram) -> AsyncGenerator[Booth]:
    accounts = Accounts({"@nova": "key"}, lambda _name: json.dumps(THREADS_SECRET))
    clock = SystemClock()
    async with serving(fake), Wire(fake.url) as wire:
        journal = Journal(folder / "instagram.jsonl", clock)
        network = instagram.network(wire, accounts, journal, clock, tokens=folder / "instagram.tokens")
        async with Client(desk.build("chimera-instagram", network, instagram.TOOLS, instructions="")) as client:
            yield Booth(client=client, account="@nova", stranger=PlatformStranger(fake, "mila"), nuisance="@troll",
                        holds_pictures=False, lacks=frozenset(instagram.LACKS), deletes=False,
                        posts_with={"media": [IMAGE]})  # fmt: skip


@asynccontextmanager
async def on_youtube(folder: Path, fake: FakeYouTube, *, clock: Clock | None = None) -> AsyncGenerator[Booth]:
    accounts = Accounts({"@nova": "key"}, lambda _name: json.dumps(YOUTUBE_SECRET))
    now = clock or SystemClock()
    async with serving(fake), Wire(fake.url) as wire:
        journal = Journal(folder / "youtube.jsonl", now)
        network = youtube.network(wire, accounts, journal, now, tokens=folder / "youtube.tokens")
        async with Client(desk.build("chimera-youtube", network, youtube.TOOLS, instructions="")) as client:
            yield Booth(client=client, account="@nova", stranger=PlatformStranger(fake, "mila"), nuisance="@troll",
                        medium={"data": FILM}, posts_with={"media": [{"data": FILM, "alt": "a healer at work"}]},
                        lacks=frozenset(youtube.LACKS), too_long="é" * 2_600)  # fmt: skip


class TestXConnector(ConnectorConformance):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Booth]:
        async with on_x(self.folder, FakeX()) as booth:
            yield booth


class TestThreadsConnector(ConnectorConformance):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Booth]:
        async with on_threads(self.folder, FakeThreads()) as booth:
            yield booth


class TestInstagramConnector(ConnectorConformance):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Booth]:
        async with on_instagram(self.folder, FakeInstagram()) as booth:
            yield booth


class TestYouTubeConnector(ConnectorConformance):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Booth]:
        async with on_youtube(self.folder, FakeYouTube()) as booth:
            yield booth


Opened = Callable[[Path, Any], Any]
ALL = [
    pytest.param(on_x, FakeX, ("POST", "/2/tweets"), id="x"),
    pytest.param(on_threads, FakeThreads, ("POST", "/v1.0/me/threads_publish"), id="threads"),
    pytest.param(on_instagram, FakeInstagram, ("POST", "/v1.0/me/media_publish"), id="instagram"),
    pytest.param(on_youtube, FakeYouTube, ("PUT", "/youtube/v3/videos"), id="youtube"),
]
GRAPH_BUSY = Refusal(429, graph(429, 4, "Application request limit reached").body, {"Retry-After": "900"})
TOO_MANY: dict[type[Platform], Refusal] = {
    FakeX: Refusal(429, {"title": "Too Many Requests", "status": 429},
                 {"x-rate-limit-limit": "100", "x-rate-limit-remaining": "0", "x-rate-limit-reset": "9999999999"}),
    FakeThreads: GRAPH_BUSY,
    FakeInstagram: GRAPH_BUSY,
    FakeYouTube: google(403, "quotaExceeded", "The request cannot be completed because you have exceeded your quota."),
}  # fmt: skip


@pytest.mark.parametrize(("opened", "made", "publish"), ALL)
async def test_a_post_whose_answer_was_lost_is_found_and_never_sent_again(
    opened: Opened, made: type[Platform], publish: tuple[str, str], tmp_path: Path
) -> None:
    fake = made()
    async with opened(tmp_path, fake) as booth:
        key, text = new_key(), new_text("Did it go out? https://example.org/a")
        fake.trouble[publish] = "lost"
        with pytest.raises(MCPError):
            await booth.act("post", key=key, more={"text": text})
        with pytest.raises(MCPError, match="looked for"):
            await booth.act("post", key=key, more={"text": text})
        found = await booth.call("find_by_key", {"account": booth.account, "key": key})
        assert found["found"] is True
        assert await booth.act("post", key=key, more={"text": text}) == found["receipt"]
        assert await booth.times(text) == 1


@pytest.mark.parametrize(("opened", "made", "publish"), ALL)
async def test_a_post_that_was_lost_on_the_way_is_proven_absent(
    opened: Opened, made: type[Platform], publish: tuple[str, str], tmp_path: Path
) -> None:
    fake = made()
    async with opened(tmp_path, fake) as booth:
        key, text = new_key(), new_text("It never arrived.")
        fake.trouble[publish] = Refusal(502, {})
        with pytest.raises(MCPError):
            await booth.act("post", key=key, more={"text": text})
        assert await booth.call("find_by_key", {"account": booth.account, "key": key}) == {"found": False}
        assert await booth.times(text) == 0


@pytest.mark.parametrize(("opened", "made", "publish"), ALL)
async def test_a_limit_of_the_networks_own_is_kept_until_it_says_so(
    opened: Opened, made: type[Platform], publish: tuple[str, str], tmp_path: Path
) -> None:
    fake = made()
    async with opened(tmp_path, fake) as booth:
        fake.trouble[publish] = TOO_MANY[made]
        first = await booth.act("post", more={"text": new_text("One too many.")})
        asked = len(fake.calls)
        second = await booth.act("post", more={"text": new_text("Once more.")})
        assert (first["code"], first["later"], second["code"]) == ("rate_limited", True, "rate_limited")
        assert len(fake.calls) == asked, "a network that asked for a pause is asked again"


@pytest.mark.parametrize(("opened", "made", "publish"), ALL)
async def test_an_account_that_does_not_say_what_it_is_does_not_act(
    opened: Opened, made: type[Platform], publish: tuple[str, str], tmp_path: Path
) -> None:
    fake = made()
    fake.descriptions["nova"] = "Loves games, and robots of paint."
    async with opened(tmp_path, fake) as booth:
        refused = await booth.act("post", more={"text": new_text("Who am I?")})
        assert refused["code"] == "bot_label_missing"
        assert not any((call.method, call.path) == publish for call in fake.calls)


async def test_x_renews_a_token_before_it_is_used_and_keeps_the_next_refresh_token(tmp_path: Path) -> None:
    fake = FakeX()
    async with on_x(tmp_path, fake) as booth:
        await booth.act("post", more={"text": new_text("With a token.")})
    kept = (tmp_path / "x.tokens").stat()
    assert kept.st_mode & 0o077 == 0
    assert "first" not in fake.refreshes
    fake.tokens.clear()  # As if two hours had gone by: the network refuses the token that is kept.
    async with on_x(tmp_path, fake) as booth:
        posted = await booth.act("post", more={"text": new_text("With another.")})
        assert posted.get("id"), posted
    assert sum(call.path == "/2/oauth2/token" for call in fake.calls) == 2


async def test_x_asks_a_person_when_an_account_no_longer_agrees_and_takes_what_the_person_puts_there(
    tmp_path: Path,
) -> None:
    fake = FakeX()
    secrets = [json.dumps(X_SECRET)]
    fake.refreshes.clear()
    async with on_x(tmp_path, fake, secret=lambda: secrets[-1]) as booth:
        refused = await booth.act("post", more={"text": new_text("May I?")})
        assert (refused["code"], refused["later"]) == ("login_refused", False)
        fake.refreshes["second"] = "nova"
        secrets.append(json.dumps(X_SECRET | {"refresh_token": "second"}))
        assert (await booth.act("post", more={"text": new_text("Now I may.")})).get("id")


async def test_x_gets_a_pictures_words_and_refuses_what_it_would_not_take(tmp_path: Path) -> None:
    fake = FakeX()
    async with on_x(tmp_path, fake) as booth:
        picture = {"data": PICTURE, "alt": "one dark pixel"}
        posted = await booth.act("post", more={"text": new_text("Look."), "media": [picture]})
        assert fake.posts[posted["id"]]["picture"] == "one dark pixel"
        fake.trouble["POST", "/2/media/upload"] = "lost"
        lost = await booth.act("post", more={"text": new_text("Look again."), "media": [picture]})
        assert (lost["code"], lost["later"]) == ("unavailable", True)


async def test_threads_waits_for_a_picture_that_the_network_fetches(tmp_path: Path) -> None:
    fake = FakeThreads()
    fake.polls = 1
    async with on_threads(tmp_path, fake) as booth:
        picture = {"url": "https://media.example/1.png", "alt": "a healer"}
        posted = await booth.act("post", more={"text": new_text("Look."), "media": [picture]})
        assert fake.posts[posted["id"]]["picture"] == "a healer"


async def test_instagram_deletes_a_comment_and_says_that_it_cannot_delete_a_post(tmp_path: Path) -> None:
    fake = FakeInstagram()
    async with on_instagram(tmp_path, fake) as booth:
        theirs = await booth.stranger.say("which class?")
        said = await booth.act("reply", more={"text": new_text("The healer."), "in_reply_to": theirs})
        assert await booth.act("take_down", more={"post_id": said["id"]}) == {"id": said["id"]}
        assert said["id"] not in fake.posts
        bare = await booth.call("post", {"account": "@nova", "key": new_key(), "text": "Only words."})
        assert bare["code"] == "image_missing"


async def test_instagram_finds_a_comment_whose_answer_was_lost(tmp_path: Path) -> None:
    fake = FakeInstagram()
    async with on_instagram(tmp_path, fake) as booth:
        theirs, key, text = await booth.stranger.say("which class?"), new_key(), new_text("The healer.")
        fake.trouble["POST", f"/v1.0/{theirs}/replies"] = "lost"
        with pytest.raises(MCPError):
            await booth.act("reply", key=key, more={"text": text, "in_reply_to": theirs})
        assert (await booth.call("find_by_key", {"account": booth.account, "key": key}))["found"] is True
        assert await booth.times(text) == 1


async def test_threads_renews_a_token_in_its_last_days(tmp_path: Path) -> None:
    fake = FakeThreads()
    async with on_threads(tmp_path, fake) as booth:
        await booth.act("post", more={"text": new_text("With the first token.")})
        assert not (tmp_path / "threads.tokens").exists()
        fake.tokens = {"longer": "nova"}
        refused = await booth.act("post", more={"text": new_text("It ran out.")})
        assert refused["code"] == "login_refused"


@pytest.mark.parametrize(
    ("text", "weight"),
    [("abc", 3), ("日本", 4), ("🎮", 2), ("see https://example.org/a/very/long/path", 27), ("é", 1), ("", 0)],
)
def test_x_counts_as_it_says_that_it_counts(text: str, weight: int) -> None:
    assert length.weight(text) == weight


def test_published_limits_are_kept_for_each_kind_of_act() -> None:
    limits = Limits(PUBLISHED["threads"], SystemClock())
    assert all(limits.take("@nova", "post.take_down") is None for _ in range(100))
    refused = limits.take("@nova", "post.take_down")
    assert refused is not None
    assert refused.code == "rate_limited"
    assert limits.take("@nova", "post.publish") is None
    assert limits.take("@mila", "post.take_down") is None
    assert {limit.seconds for limit in PUBLISHED["threads"]} == {DAY}


def test_what_was_never_tried_says_so_and_needs_no_address(tmp_path: Path) -> None:
    path = tmp_path / "networks.toml"
    path.write_text("".join(f'[{name}]\naccounts = {{ "@nova" = "{name}-nova" }}\n' for name in SERVERS))
    found = read_networks(path)
    assert {one.address for one in found.values()} == set(SERVERS.values())
    assert {TRIED_ON[one.kind] for one in found.values()} == {"not exercised live"}
    assert set(TRIED_ON) == set(PUBLISHED) == set(DEDUPLICATES)


def test_blueskys_points_are_what_the_table_of_limits_says_in_acts() -> None:
    table = {limit.seconds: limit.count for limit in PUBLISHED["bluesky"]}
    assert table == {quota.seconds: quota.points // bluesky.POINTS_EACH for quota in bluesky.QUOTAS}
