"""The whole pipeline on real networks: a persona posts, answers, hears, takes down, with a grant for each act.

And the process is killed around the publish call: what was granted happens once, or is known not to have happened.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any, TypeAlias

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests import fleet
from tests.e2e.test_gateway import serving
from tests.fleet import Running
from tests.live import scenes
from tests.live.scenes import Scene
from tests.live.tripwire import Moment

pytestmark = [pytest.mark.live, pytest.mark.timeout(3_600), pytest.mark.requirement("R-A4", "R-N5", "R-H1")]
KILLS = int(os.environ.get("KILLS", "30"))
ANSWER_SECONDS_MAX = 600.0
UP_SECONDS_MAX = 600.0  # After a kill, on a machine that does other things besides.
AGENT = "studio.newsdesk"
DISCLOSURE = "[AI news desk]"
Place: TypeAlias = Callable[[Path], AbstractContextManager[Scene]]
PLACES: dict[str, Place] = {"bluesky": scenes.on_bluesky, "snac2": scenes.on_snac, "nostr": scenes.on_nostr}


@pytest.fixture(params=PLACES.values(), ids=list(PLACES))
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    with request.param(tmp_path) as made:
        yield made


@pytest.fixture
def home(tmp_path: Path, scene: Scene) -> Iterator[Path]:
    folder = tmp_path / "home"
    scenes.at_home(folder, scene)
    yield folder
    fleet.end_all(folder)


def started(home: Path) -> Running:
    up = Running(home, "up", "--live", "--quiet")
    end = time.monotonic() + UP_SECONDS_MAX
    while "#once=" not in up.out + up.err:
        assert up.process.poll() is None, f"it ended with {up.process.returncode}: {up.out}{up.err}"
        assert time.monotonic() < end, f"not up: {up.out}{up.err}; {fleet.processes_of(home)}; {waiting_in(home)}"
        time.sleep(0.1)
    return up


def waiting_in(home: Path) -> str:
    """Where the home's processes wait, and what its database said last: for whoever has to find out why."""
    where = {role: (fleet.PROC / str(pid) / "wchan").read_text() for role, pid in fleet.processes_of(home).items()}
    logs = sorted(home.rglob("*.log"))
    return f"{where} {[log.read_text(errors='replace')[-1_500:] for log in logs]}"


@contextmanager
def outside_agent(home: Path) -> Generator[Callable[..., dict[str, Any]]]:
    """Calls of an outside agent, one by one, over the gateway."""
    token = fleet.chimera(home, "gateway", "token", AGENT, "--json").object["token"]

    with serving(home) as url:

        async def called(tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
            async with (
                httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=60) as http,
                Client(streamable_http_client(url, http_client=http)) as client,
            ):
                answer: Any = (await client.call_tool(tool, arguments)).structured_content
                return answer

        yield lambda tool, **arguments: asyncio.run(called(tool, arguments))


def outcome(call: Callable[..., dict[str, Any]], identifier: str, *wanted: str) -> dict[str, Any]:
    end = time.monotonic() + ANSWER_SECONDS_MAX
    while (answer := call("chimera_result", id=identifier))["status"] not in wanted:
        assert time.monotonic() < end, answer
        time.sleep(0.5)
    return answer


def approve(home: Path, review_id: str) -> None:
    digest = fleet.chimera(home, "review", "show", review_id, "--json").object["digest"]
    ruled = fleet.chimera(home, "review", "approve", review_id, "--digest", str(digest), "--json")
    assert ruled.code == 0, ruled


def done(home: Path, call: Callable[..., dict[str, Any]], tool: str, **arguments: Any) -> dict[str, Any]:
    """Propose, have a person agree if one is asked, and wait for the receipt."""
    proposed = call(tool, **arguments)
    assert proposed.get("call_id"), proposed
    seen = outcome(call, proposed["call_id"], "held", "done", "refused", "failed")
    if seen["status"] == "held":
        approve(home, seen["review_id"])
        seen = outcome(call, proposed["call_id"], "done", "refused", "failed")
    assert seen["status"] == "done", seen
    return seen["receipt"]


def open_reviews(home: Path) -> list[dict[str, Any]]:
    return fleet.chimera(home, "review", "list", "--json").object["reviews"]


def test_a_persona_posts_hears_answers_and_takes_down_with_a_grant_for_each(home: Path, scene: Scene) -> None:
    up = started(home)
    try:
        with outside_agent(home) as call:
            receipt = posts(home, scene, call)
            # A take-down always waits for a person. While it does, the agent's accounts are listened to.
            asked = call("chimera_take_down", post_id=receipt["id"])["call_id"]
            held = outcome(call, asked, "held")
            hears_and_answers(home, scene, call)
            takes_down(home, scene, call, asked=asked, held=held)
    finally:
        up.stop(120)
    assert fleet.chimera(home, "audit", "verify").code == 0


def posts(home: Path, scene: Scene, call: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    picture = {"picture": "Patch 2"} if scene.shows_pictures else {}
    receipt = done(home, call, "chimera_post", text=f"Patch 2 is out: example.org/notes {DISCLOSURE}", **picture)
    assert receipt["id"]
    assert sum("example.org/notes" in text for text in scene.texts()) == 1
    return receipt


def hears_and_answers(home: Path, scene: Scene, call: Callable[..., dict[str, Any]]) -> None:
    theirs = asyncio.run(scene.stranger.say("which class should I start with?", to=scene.account))
    end = time.monotonic() + ANSWER_SECONDS_MAX
    while not any(event["kind"] == "INPUT_ADMITTED" for event in history(home, "mention")):
        assert time.monotonic() < end, "nobody hears the mention"
        time.sleep(1)
    done(home, call, "chimera_reply", text=f"The healer. {DISCLOSURE}", in_reply_to=theirs,
         target_account=scene.stranger.handle)  # fmt: skip
    assert any("The healer." in text for text in scene.texts())


def history(home: Path, word: str) -> list[dict[str, Any]]:
    shown = fleet.chimera(home, "audit", "show", "--json")
    return [event for event in shown.object["events"] if word in str(event)]


def takes_down(
    home: Path, scene: Scene, call: Callable[..., dict[str, Any]], *, asked: str, held: dict[str, Any]
) -> None:
    """The post is gone; or it is still there, and a person is asked who can reach the network by hand."""
    approve(home, held["review_id"])
    if scene.deletes:
        seen = outcome(call, asked, "done", "refused", "failed")
        assert seen["status"] == "done", seen
        assert not any("example.org/notes" in text for text in scene.texts())
        return
    end = time.monotonic() + ANSWER_SECONDS_MAX
    while not (open_now := [one for one in open_reviews(home) if "take_down_unsupported" in str(one)]):
        assert time.monotonic() < end, open_reviews(home)
        time.sleep(1)
    assert len(open_now) == 1
    assert any("example.org/notes" in text for text in scene.texts())


def agreed_anew(
    home: Path, scene: Scene, call: Callable[..., dict[str, Any]], call_id: str, held: dict[str, Any], *, text: str,
    before: list[str],
) -> dict[str, Any]:  # fmt: skip
    """Where a network knows no key of ours, what was proven not to have happened is decided anew: a person agrees."""
    assert not scene.deduplicates, held
    assert held["review_id"] not in before, held
    assert not any(text in said for said in scene.texts()), "it happened, and a person is asked again"
    approve(home, held["review_id"])
    return outcome(call, call_id, "done", "refused", "failed")


def test_killed_around_the_publish_call_every_post_exists_once_or_is_known_not_to(home: Path, scene: Scene) -> None:
    up = started(home)
    texts = [f"Number {number:03d} of a series. {DISCLOSURE}" for number in range(KILLS)]
    with outside_agent(home) as call:
        calls = {text: call("chimera_post", text=text)["call_id"] for text in texts}
        reviews = [outcome(call, one, "held")["review_id"] for one in calls.values()]
        moments = cycle(Moment)
        for review_id in reviews:
            # The next call on the line is this act's own, or that of one before it that is done again.
            scene.wire.arm(next(moments), up.process.kill)
            approve(home, review_id)
            assert scene.wire.struck.wait(ANSWER_SECONDS_MAX), "nothing was sent"
            up.process.wait(60)
            up = started(home)
        scene.wire.disarm()
        ended = {text: outcome(call, one, "done", "refused", "failed", "held") for text, one in calls.items()}
        for text, answer in ended.items():
            if answer["status"] == "held":
                ended[text] = agreed_anew(home, scene, call, calls[text], answer, text=text, before=reviews)
    stopped, _seconds = up.stop(120)
    found = scene.texts()
    counts = {text: sum(text in said for said in found) for text in texts}
    assert max(counts.values()) == 1, counts
    assert {text for text, many in counts.items() if many} == {
        text for text, answer in ended.items() if answer["status"] == "done"}  # fmt: skip
    assert all(answer["status"] == "done" for answer in ended.values()), ended
    assert stopped.code == 0, stopped
    assert fleet.chimera(home, "audit", "verify").code == 0
