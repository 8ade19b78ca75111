"""What is YouTube's alone, on a fake of its wire: uploads in pieces, titles, captions, units, films kept private."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from mcp.shared.exceptions import MCPError

from chimera.adapters.system.clock import SystemClock
from chimera.connectors.social.wire import NotSent, Reply
from chimera.connectors.youtube.network import TITLE_MAX, title_of
from chimera.connectors.youtube.units import CAPTIONS, UNITS_A_DAY, UPLOADS_A_DAY, Units, reasons_of
from chimera.connectors.youtube.uploading import PIECE_BYTES
from chimera.testing.connector_conformance import PICTURE, new_key, new_text
from tests.connectors.fake_platforms import Refusal
from tests.connectors.fake_youtube import FakeYouTube, google
from tests.connectors.test_platforms import FILM, on_youtube

pytestmark = pytest.mark.requirement("R-N5", "R-H1")
LONG = b"\x1a\x45\xdf\xa3" + bytes(range(256)) * (2 * PIECE_BYTES // 256)
SAID = "WEBVTT\n\n00:00.000 --> 00:02.000\nA healer."
HEAD = {"data": PICTURE, "alt": "a healer"}


def film(data: bytes = LONG, **more: str) -> dict[str, str]:
    return {"data": base64.b64encode(data).decode(), "alt": "a healer at work", "mime": "video/webm", **more}


async def test_a_film_goes_up_in_pieces_and_goes_on_where_the_server_has_it(tmp_path: Path) -> None:
    fake = FakeYouTube()
    fake.trouble["PUT", "/upload/youtube/v3/videos"] = "lost"
    async with on_youtube(tmp_path, fake) as booth:
        more = {"text": new_text("A film."), "media": [film(captions=SAID), HEAD]}
        posted = await booth.act("post", more=more)
        assert posted.get("id"), posted
    assert fake.films[posted["id"]] == LONG
    assert fake.captions[posted["id"]] == SAID
    assert base64.b64encode(fake.thumbnails[posted["id"]]).decode() == PICTURE
    pieces = [call for call in fake.calls if call.method == "PUT" and call.path == "/upload/youtube/v3/videos"]
    assert sum(not call.data for call in pieces) == 1, "it asks once how far it got"
    assert len(pieces) > len(LONG) // PIECE_BYTES


async def test_an_upload_that_does_not_go_on_is_given_up_and_nobody_has_seen_it(tmp_path: Path) -> None:
    fake = FakeYouTube()
    broken = Refusal(503, {})
    async with on_youtube(tmp_path, fake) as booth:
        fake.always["PUT", "/upload/youtube/v3/videos"] = broken
        text, key = new_text("A film."), new_key()
        refused = await booth.act("post", key=key, more={"text": text})
        assert (refused["code"], refused["later"]) == ("unavailable", True)
        assert await booth.times(text) == 0
        fake.always.clear()
        assert (await booth.act("post", key=key, more={"text": text})).get("id")


async def test_a_film_that_stays_private_was_not_published(tmp_path: Path) -> None:
    fake = FakeYouTube()
    fake.verified = False
    async with on_youtube(tmp_path, fake) as booth:
        text = new_text("A film.")
        assert (await booth.act("post", more={"text": text}))["code"] == "not_shown"
        assert await booth.times(text) == 0


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"media": [HEAD]}, "film_missing"),
        ({"media": [{"data": FILM, "alt": "one"}, {"data": FILM, "alt": "two"}]}, "film_missing"),
        ({"media": [{"url": "https://media.example/1.mp4", "alt": "one"}]}, "film_missing"),
        ({"media": [{"data": FILM, "alt": "one", "digest": "0" * 64}]}, "image_malformed"),
        ({"text": "healer > tank"}, "text_malformed"),
    ],
)
async def test_what_is_no_film_with_words_is_declined_before_anything_goes_up(
    tmp_path: Path, more: dict[str, object], code: str
) -> None:
    fake = FakeYouTube()
    async with on_youtube(tmp_path, fake) as booth:
        refused = await booth.act("post", more={"text": "A film. [AI persona]", **more})
    assert (refused["happened"], refused["code"]) == (False, code)
    assert not fake.uploads


async def test_a_lost_comment_is_found_and_one_that_is_not_there_may_be_held_back(tmp_path: Path) -> None:
    fake = FakeYouTube()
    async with on_youtube(tmp_path, fake) as booth:
        theirs = await booth.stranger.say("which class?")
        for trouble, times in (("lost", 1), (Refusal(502, {}), 0)):
            key, text = new_key(), new_text("The healer.")
            fake.trouble["POST", "/youtube/v3/comments"] = trouble
            with pytest.raises(MCPError):
                await booth.act("reply", key=key, more={"text": text, "in_reply_to": theirs})
            found = await booth.call("find_by_key", {"account": booth.account, "key": key})
            assert found.get("found", found.get("code")) == (True if times else "not_sought")
            assert await booth.times(text) == times


async def test_who_answers_an_answer_speaks_in_the_same_conversation(tmp_path: Path) -> None:
    fake = FakeYouTube()
    async with on_youtube(tmp_path, fake) as booth:
        theirs = await booth.stranger.say("which class?")
        first = await booth.act("reply", more={"text": new_text("The healer."), "in_reply_to": theirs})
        await booth.act("reply", more={"text": new_text("And a tank."), "in_reply_to": first["id"]})
        second = await booth.act("reply", more={"text": new_text("Or two."), "in_reply_to": first["id"]})
        thread = await booth.call("thread", {"account": booth.account, "thread_id": second["id"]})
        assert [post["in_reply_to"] for post in thread["posts"][1:]] == [thread["posts"][0]["id"]] + [theirs] * 3
        assert await booth.act("take_down", more={"post_id": second["id"]}) == {"id": second["id"]}
        assert second["id"] not in fake.posts


async def test_a_token_is_asked_for_once_and_a_person_is_asked_when_it_was_taken_back(tmp_path: Path) -> None:
    fake = FakeYouTube()
    async with on_youtube(tmp_path, fake) as booth:
        await booth.act("follow", more={"target_account": "@mila"})
    async with on_youtube(tmp_path, fake) as booth:
        again = await booth.act("follow", more={"target_account": "@mila"})
        assert (again["account"], fake.followed) == ("@mila", {"UC-mila"})
        assert sum(call.path == "/token" for call in fake.calls) == 1
        fake.tokens.clear()
        fake.refreshes.clear()
        assert (await booth.act("post", more={"text": new_text("May I?")}))["code"] == "login_refused"


def test_units_are_counted_for_the_app_and_end_at_its_midnight() -> None:
    units = Units(SystemClock())
    for _ in range(UPLOADS_A_DAY):
        units.spend("POST", "/upload/youtube/v3/videos")
    with pytest.raises(NotSent, match="units for today"):
        units.spend("POST", "/upload/youtube/v3/videos")
    units.spend("PUT", "/upload/youtube/v3/videos")
    for _ in range(UNITS_A_DAY // CAPTIONS):
        units.spend("POST", "/upload/youtube/v3/captions")
    with pytest.raises(NotSent):
        units.spend("GET", "/youtube/v3/videos")
    units.spend("GET", "/youtube/v3/search")
    assert 0 < units.seconds_left() <= 90_000


@pytest.mark.parametrize("body", [None, [], {"error": "x"}, {"error": {"errors": [1]}}])
def test_a_failure_without_googles_form_has_no_reasons(body: object) -> None:
    assert reasons_of(Reply(status=400, body=body)) == frozenset()
    assert reasons_of(Reply(status=403, body=google(403, "forbidden", "no").body)) == {"forbidden"}


def test_a_title_is_the_first_line_by_whole_words() -> None:
    assert title_of("The healer.\nMore below.") == "The healer."
    long = title_of("word " * 40)
    assert len(long) <= TITLE_MAX
    assert long.endswith("word")
    assert title_of("x" * 200) == "x" * TITLE_MAX
