"""Pictures in posts: made, signed, kept and read back by the studio; sent by effects as exactly what was granted."""

from __future__ import annotations

import base64
import hashlib
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from imageio_ffmpeg import count_frames_and_secs

from chimera.adapters.documents.brands import shipped
from chimera.adapters.media.at_work import MediaPublisher, StudioTools
from chimera.adapters.media.credentials import Credentials, verify
from chimera.adapters.media.studio import Studio, Vouched
from chimera.adapters.objects.store import StoredObjects
from chimera.adapters.rehearsal.publisher import RehearsalPublisher
from chimera.domain.action import Action
from chimera.domain.costing import storage_micros
from chimera.domain.durations import DAY_US
from chimera.domain.errors import Invalid
from chimera.domain.grant import PerformanceState
from chimera.ports.tools_read import ToolAnswer
from chimera.skills.copy import writing
from chimera.skills.desk import Desk
from tests.small_house import CONTRACTS, PROMPTS, SPECS, TEXT, SmallHouse, a_post
from tests.small_work import SayingModel, assign, envelope

pytestmark = pytest.mark.requirement("R-B2", "R-D2", "R-G5")
NOW = datetime(2026, 11, 21, tzinfo=UTC)
WORDS = {"title": "Co-op week", "body": "It is back.", "name": "Banterpacks", "disclosure": "[AI persona]"}


class NoTools:
    """Implements `ports.tools_read.ToolsRead` for an agent that has none."""

    async def call(self, tool: str, arguments: dict[str, Any], *, agent_id: str) -> ToolAnswer:
        raise AssertionError(tool)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "media"


@pytest.fixture
def studio(folder: Path) -> Studio:
    credentials = Credentials(Ed25519PrivateKey.generate(), house="Test House", now=NOW)
    return Studio(objects=StoredObjects.in_folder(folder, public_url="https://cdn.example"), credentials=credentials,
                  brand=shipped())  # fmt: skip


async def test_a_picture_is_vouched_for_once_it_was_read_back(studio: Studio, folder: Path) -> None:
    medium = await studio.card(WORDS)
    data = await studio.bytes_of(medium.digest)
    assert hashlib.sha256(data).hexdigest() == medium.digest
    assert verify(data).holds
    assert studio.is_verified(medium.digest)
    assert not studio.is_verified("ab" * 32)
    assert medium.url == f"https://cdn.example/originals/{medium.digest}.png"
    assert (folder / medium.thumbnail).stat().st_size < len(data)
    elsewhere = Vouched(StoredObjects.in_folder(folder))
    assert not elsewhere.is_verified(medium.digest)
    await elsewhere.learn((medium.digest, "ab" * 32))
    assert elsewhere.is_verified(medium.digest)
    assert not elsewhere.is_verified("ab" * 32)
    later = Studio(objects=StoredObjects.in_folder(folder), credentials=studio._credentials, brand=shipped())
    assert await later.remember() == 1
    assert later.is_verified(medium.digest)
    with pytest.raises(Invalid, match="tool_arguments"):
        await studio.card({"title": "no name"})


@pytest.mark.slow(reason="ffmpeg makes a film")
async def test_a_film_has_captions_and_credentials_and_names_who_is_missing(studio: Studio, folder: Path) -> None:
    scenes = [{"title": "Co-op week", "words": "It is back."}, {"title": "Patch 2", "words": "Rook has read it."}]
    medium = await studio.film({"scenes": scenes, "name": "Banterpacks", "disclosure": "[AI persona]"})
    data = await studio.bytes_of(medium.digest)
    verdict = verify(data, mime="video/mp4")
    assert (verdict.holds, verdict.is_ai_made) == (True, True)
    assert (medium.mime, medium.width < medium.height) == ("video/mp4", True)
    assert medium.captions.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:03.000\nIt is back.")
    assert medium.missing == (() if shutil.which("espeak-ng") else ("espeak-ng",))
    frames, seconds = count_frames_and_secs(str(folder / "originals" / f"{medium.digest}.mp4"))
    assert frames and seconds
    assert round(seconds) == 6
    changed = bytearray(data)
    changed[len(changed) // 2] ^= 1
    assert not verify(bytes(changed), mime="video/mp4").holds


async def test_a_picture_costs_by_the_bytes_that_are_kept_of_it(studio: Studio, folder: Path) -> None:
    answer = await StudioTools(NoTools(), studio, gigabyte_micros=300_000).call("card", WORDS, agent_id="ada")
    kept = sum(path.stat().st_size for name in ("originals", "thumbnails") for path in (folder / name).iterdir())
    assert answer.content["stored_bytes"] == kept > 0
    assert answer.cost_micros == storage_micros(kept, gigabyte_micros=300_000) > 0
    assert (await StudioTools(NoTools(), studio).call("card", WORDS, agent_id="ada")).cost_micros == 0


async def test_what_is_old_goes_with_everything_that_belongs_to_it(studio: Studio, folder: Path) -> None:
    medium = await studio.card(WORDS)
    now_us = int((folder / "originals" / f"{medium.digest}.png").stat().st_mtime * 1_000_000)
    assert await studio.expire(now_us=now_us, days=1) == 0
    assert await studio.expire(now_us=now_us + 2 * DAY_US, days=1) == 1
    assert not studio.is_verified(medium.digest)
    assert [path for path in folder.rglob("*") if path.is_file()] == []


async def test_a_post_task_carries_a_picture_from_the_skill_to_the_network(studio: Studio) -> None:
    house = await SmallHouse().open()
    permitted = (*house.agent.permissions, "media.make")
    asked = {"platform": "sandbox", "topic": "boss fights", "brief": "Say it.", "picture": True}
    task = await house.a_task(input=asked)
    assignment = assign(task, house.agent)
    desk = Desk(
        type(assignment)(task=task, persona=house.agent.persona, account="ada", permissions=permitted),
        spec=SPECS["copy.post"], model=SayingModel(envelope({"text": TEXT, "sources": []})),
        tools=StudioTools(NoTools(), studio), prompts=PROMPTS,
    )  # fmt: skip
    made = await writing.write(desk)
    assert made.action is not None
    (medium,) = made.action.arguments["media"]
    assert medium["alt"].startswith("A card by ada: boss fights.")
    assert not CONTRACTS.output_findings(SPECS["copy.post"], made.output)
    assert made.labels == ("operator",), "the house's own studio is no stranger"
    await performed(house, studio, made.action)
    (deed,) = house.network.records()
    assert deed.media == (medium["digest"],)


async def test_a_picture_that_was_changed_after_the_grant_does_not_go_out(studio: Studio, folder: Path) -> None:
    house = await SmallHouse().open()
    medium = await studio.card(WORDS)
    path = folder / "originals" / f"{medium.digest}.png"
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(bytes(data))
    action = a_post(media=[{"digest": medium.digest, "alt": medium.alt}])
    state, reason = await performed(house, studio, action)
    assert (state, reason) == (PerformanceState.FAILED, "media_changed")
    assert house.network.records() == ()


async def test_a_network_takes_no_other_bytes_than_those_named(studio: Studio) -> None:
    house = await SmallHouse().open()
    medium = await studio.card(WORDS)
    other = base64.b64encode(b"other bytes").decode()
    action = a_post(media=[{"digest": medium.digest, "alt": "x", "data": other}])
    granted = await house.grant(action)
    performance = await house.effects().perform(granted.grant.id)
    assert (performance.state, performance.reason) == (PerformanceState.FAILED, "media_differ")


async def performed(house: SmallHouse, studio: Studio, action: Action) -> tuple[PerformanceState, str]:
    house.publisher = MediaPublisher(RehearsalPublisher(house.line, house.clock), studio)
    granted = await house.grant(action)
    performance = await house.effects().perform(granted.grant.id)
    return performance.state, performance.reason
