"""What every connector to a social network owes to whoever calls it, as tests that each runs against its network.

class TestNostrConnector(ConnectorConformance):
    def open(self): ...

Knows the network by a stranger's eyes, who shares nothing with the connector.
"""

from __future__ import annotations

import base64
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, cast

from mcp import Client
from msgspec import Struct

from chimera.adapters.system.clock import SystemClock, SystemIds

ACTS = {"post", "reply", "like", "follow", "block", "take_down"}
HEARD_SECONDS_MAX = 180.0
READS = {"find_by_key", "timeline", "thread", "mentions", "search"}
# One pixel, as a picture that every network takes.
PICTURE = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001"
        "a5f645400000000049454e44ae426082"
    )
).decode()


class Stranger(Protocol):
    """Somebody else on the same network."""

    @property
    def handle(self) -> str:
        """Who that is, as the connector writes accounts."""
        ...

    async def say(self, text: str, *, to: str = "") -> str:
        """Say something, to somebody or to all; the post's id."""
        ...

    async def texts_of(self, account: str) -> list[str]:
        """What an account has said, as the network shows it to others."""
        ...

    async def is_bot(self, account: str) -> bool:
        """Whether an account says of itself that it is a machine."""
        ...


class Booth(Struct, frozen=True, kw_only=True):
    """A connector by its client, and the network that it speaks to."""

    client: Client
    account: str
    stranger: Stranger
    nuisance: str  # The handle of a third one, who is to be blocked.
    deletes: bool = True
    holds_pictures: bool = True
    medium: dict[str, Any] = {}  # What is shown there where it is no picture.
    posts_with: dict[str, Any] = {}  # What every post needs there beside its text.
    lacks: frozenset[str] = frozenset()  # What the network cannot do at all, and so does not offer.
    # Beyond this, no network here takes a text.
    too_long: str = "a long word " * 400

    async def call(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """What a tool answers, refusals too."""
        answer = await self.client.call_tool(tool, arguments)
        structured: Any = answer.structured_content
        assert isinstance(structured, dict)
        return cast("dict[str, Any]", structured)

    async def act(self, tool: str, *, key: str = "", more: dict[str, Any]) -> dict[str, Any]:
        """One act as our account, under a key of its own if none is given."""
        needed = self.posts_with if tool == "post" else {}
        return await self.call(tool, {"account": self.account, "key": key or new_key(), **needed, **more})

    async def times(self, text: str) -> int:
        """How often a text of ours is on the network."""
        return sum(text in said for said in await self.stranger.texts_of(self.account))


def new_key() -> str:
    """As grants have them."""
    return SystemIds().new()


def new_text(says: str) -> str:
    """A text that nobody has said before."""
    return f"{says} {SystemIds().new()[-12:]} [AI persona]"


class ConnectorConformance:
    """Run by subclassing. Tests may share a network: each says things of its own."""

    def open(self) -> AbstractAsyncContextManager[Booth]:
        """A connector with one account, and a stranger."""
        raise NotImplementedError

    async def test_it_offers_what_every_network_offers_and_says_what_each_tool_does(self) -> None:
        async with self.open() as booth:
            tools = {tool.name: tool for tool in (await booth.client.list_tools()).tools}
            assert set(tools) == (ACTS | READS) - booth.lacks
            for name, tool in tools.items():
                hints = tool.annotations
                assert hints is not None
                assert hints.read_only_hint is (name in READS)
                assert hints.idempotent_hint is True
                if name in ACTS:
                    assert {"account", "key"} <= set(tool.input_schema["required"])

    async def test_the_same_act_under_the_same_key_is_done_once(self) -> None:
        async with self.open() as booth:
            key, text = new_key(), new_text("Once, and only once.")
            first = await booth.act("post", key=key, more={"text": text})
            assert first["id"]
            assert await booth.act("post", key=key, more={"text": text}) == first
            assert await booth.times(text) == 1

    async def test_a_key_does_not_serve_for_other_words(self) -> None:
        async with self.open() as booth:
            key, other = new_key(), new_text("Something else.")
            await booth.act("post", key=key, more={"text": new_text("The first words.")})
            refused = await booth.act("post", key=key, more={"text": other})
            assert (refused["happened"], refused["code"]) == (False, "key_taken")
            assert await booth.times(other) == 0

    async def test_what_was_done_under_a_key_is_found_and_what_was_not_is_not(self) -> None:
        async with self.open() as booth:
            key = new_key()
            done = await booth.act("post", key=key, more={"text": new_text("Look me up.")})
            found = await booth.call("find_by_key", {"account": booth.account, "key": key})
            assert found["found"] is True
            assert found["receipt"]["id"] == done["id"]
            never = await booth.call("find_by_key", {"account": booth.account, "key": new_key()})
            assert never == {"found": False}

    async def test_the_account_says_that_it_is_a_machine_before_it_speaks(self) -> None:
        async with self.open() as booth:
            await booth.act("post", more={"text": new_text("I am one.")})
            assert await booth.stranger.is_bot(booth.account)

    async def test_a_picture_has_words_or_it_is_not_shown(self) -> None:
        async with self.open() as booth:
            picture = {"data": PICTURE} if booth.holds_pictures else {"url": "https://media.example/pixel.png"}
            where = booth.medium or picture
            text = new_text("A pixel: https://example.org/pixel.")
            unsaid = await booth.act("post", more={"text": text, "media": [{**where, "alt": " "}]})
            assert unsaid["code"] == "image_without_words"
            assert await booth.times(text.split()[-3]) == 0
            shown = await booth.act("post", more={"text": text, "media": [{**where, "alt": "one dark pixel"}]})
            assert shown.get("id"), shown
            assert await booth.times(text.split()[-3]) == 1

    async def test_a_stranger_is_answered_where_he_spoke(self) -> None:
        async with self.open() as booth:
            theirs = await booth.stranger.say(new_text("Which class should I start with?"), to=booth.account)
            text = new_text("The healer.")
            named = {"text": text, "in_reply_to": theirs, "target_account": booth.stranger.handle}
            answered = await booth.act("reply", more=named)
            assert answered.get("id"), answered
            asked = {"account": booth.account, "thread_id": theirs}
            thread = await _shown(booth, "thread", asked, theirs, answered["id"])
            ids = [post["id"] for post in thread["posts"]]
            assert ids.index(theirs) < ids.index(answered["id"])

    async def test_an_act_on_somebody_elses_post_than_it_says_is_declined(self) -> None:
        async with self.open() as booth:
            theirs = await booth.stranger.say(new_text("Mine."))
            for tool, more in (("reply", {"text": "hi", "in_reply_to": theirs}), ("like", {"post_id": theirs})):
                if tool in booth.lacks:
                    continue
                refused = await booth.act(tool, more={**more, "target_account": booth.account})
                assert (refused["happened"], refused["code"]) == (False, "target_differs"), refused

    async def test_liking_following_and_blocking_twice_is_doing_it_once(self) -> None:
        async with self.open() as booth:
            theirs = await booth.stranger.say(new_text("Like me."), to=booth.account)
            await _heard(booth, {"account": booth.account}, theirs)  # Some servers know only what has come to them.
            for tool, more in (
                ("like", {"post_id": theirs}),
                ("follow", {"target_account": booth.stranger.handle}),
                ("block", {"target_account": booth.nuisance}),
            ):
                if tool in booth.lacks:
                    continue
                key = new_key()
                first = await booth.act(tool, key=key, more=more)
                assert "happened" not in first, first
                assert await booth.act(tool, key=key, more=more) == first

    async def test_what_is_said_to_the_account_is_heard_once(self) -> None:
        async with self.open() as booth:
            before = (await booth.call("mentions", {"account": booth.account, "limit": 100}))["next"]
            text = new_text("Hello there.")
            theirs = await booth.stranger.say(text, to=booth.account)
            asked = {"account": booth.account, "after": before}
            heard, post = await _heard(booth, asked, theirs)
            assert post["author"] == booth.stranger.handle
            assert text.split()[-3] in post["text"]
            assert post["at_us"] > 0
            later = await booth.call("mentions", asked | {"after": heard["next"] + 1_000_000})
            assert later["posts"] == []

    async def test_what_is_taken_down_is_gone_or_it_is_said_that_it_is_not(self) -> None:
        async with self.open() as booth:
            text = new_text("Soon gone.")
            posted = await booth.act("post", more={"text": text})
            gone = await booth.act("take_down", more={"post_id": posted["id"]})
            if booth.deletes:
                assert gone == {"id": posted["id"]} or gone.get("id"), gone
                assert await booth.times(text) == 0
            else:
                assert (gone["happened"], gone["code"]) == (False, "take_down_unsupported")
                assert await booth.times(text) == 1

    async def test_nobody_elses_post_is_taken_down(self) -> None:
        async with self.open() as booth:
            text = new_text("Not yours.")
            theirs = await booth.stranger.say(text)
            refused = await booth.act("take_down", more={"post_id": theirs})
            assert (refused["happened"], refused["code"]) == (False, "not_yours")

    async def test_what_can_never_work_is_declined_before_anything_is_sent(self) -> None:
        async with self.open() as booth:
            known = {"account": booth.account, "key": new_key()}
            wrong = (
                ("post", {**known, "text": booth.too_long}, "text_too_long"),
                ("post", {**known, "text": ""}, "arguments_malformed"),
                ("post", {**known, "text": "hi", "colour": "red"}, "arguments_malformed"),
                ("post", {**known, "account": "@nobody.example", "text": "hi"}, "account_unknown"),
            )
            for tool, arguments, code in wrong:
                refused = await booth.call(tool, arguments)
                assert (refused["happened"], refused["code"]) == (False, code), refused


async def _heard(booth: Booth, asked: dict[str, Any], post_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What was said to the account, once a post has come there; and that post."""
    heard = await _shown(booth, "mentions", {**asked, "limit": 100}, post_id)
    (found,) = [one for one in heard["posts"] if one["id"] == post_id]
    return heard, found


async def _shown(booth: Booth, tool: str, asked: dict[str, Any], *post_ids: str) -> dict[str, Any]:
    """What is read once these posts are among it: networks deliver when they get to it."""
    clock = SystemClock()
    async with clock.timeout(HEARD_SECONDS_MAX):
        while True:
            read = await booth.call(tool, asked)
            if {*post_ids} <= {one["id"] for one in read.get("posts", ())}:
                return read
            await clock.sleep(0.3)
