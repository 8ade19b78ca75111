"""Retention as the top tier runs it: weeks are made ahead whatever happens; what went is on record."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from obstore.store import LocalStore

from chimera.adapters.media import lifecycle
from chimera.adapters.objects.store import StoredObjects
from chimera.domain.durations import DAY_US
from chimera.domain.event import EventKind
from chimera.domain.retention import Week
from chimera.governance.checkpoints import Checkpoints
from chimera.governance.reviews import Reviews
from chimera.ports.objects import Kept
from chimera.swarm.bell import Bell
from chimera.swarm.orchestrator import Duties, Orchestrator
from chimera.swarm.retaining import Retaining
from chimera.testing.manual_clock import ManualClock
from tests.governance.test_checkpoints_and_bundles import KEYS, InProcess
from tests.small_house import PACK, PERMITS, SmallHouse

pytestmark = pytest.mark.requirement("R-G6")


TWO_WEEKS = (
    Week(week="2023w01", records=7, kept_for=""), Week(week="2023w02", records=9, kept_for="1 task open"),
)  # fmt: skip


class KeptWeeks:
    """Implements `ports.weeks.Weeks`: two weeks, in one of which something is open."""

    def __init__(self) -> None:
        self.made = asyncio.Event()
        self.asked: list[tuple[int, str]] = []

    async def make_ahead(self) -> int:
        self.made.set()
        return 0

    async def drop(self, *, before_us: int, checkpoint_id: str) -> tuple[Week, ...]:
        self.asked.append((before_us, checkpoint_id))
        return TWO_WEEKS

    async def would_drop(self, *, before_us: int, checkpoint_id: str) -> tuple[Week, ...]:
        return TWO_WEEKS

    async def would_drop_windows(self, *, before_us: int, checkpoint_id: str) -> int:
        return 5

    async def drop_windows(self, *, before_us: int, checkpoint_id: str) -> int:
        assert (before_us, checkpoint_id) == self.asked[-1], "one rule for both"
        return 5


@pytest.fixture
async def house() -> SmallHouse:
    return await SmallHouse().open()


def retaining(house: SmallHouse, weeks: KeptWeeks) -> Retaining:
    return Retaining(weeks=weeks, store=house.office, keys=lambda: KEYS, days=90)


async def dropped(house: SmallHouse) -> list[bytes]:
    return [link.body for link in await house.office.links(house.office.writer)
            if EventKind.RECORDS_DROPPED.encode() in link.body]  # fmt: skip


async def test_without_a_checkpoint_weeks_are_made_and_none_goes(house: SmallHouse) -> None:
    weeks = KeptWeeks()
    await retaining(house, weeks).once()
    assert weeks.made.is_set()
    assert (weeks.asked, await dropped(house)) == ([], [])


async def test_what_went_is_on_record_with_the_checkpoint_behind_it(house: SmallHouse) -> None:
    weeks = KeptWeeks()
    anchor = await Checkpoints(store=house.office, notary=InProcess(house)).take()
    assert anchor is not None
    await retaining(house, weeks).once()
    assert weeks.asked == [(house.clock.now_us() - 90 * DAY_US, anchor.id)]
    (body,) = await dropped(house)
    assert b'"weeks":["2023w01"]' in body and b'"records":7' in body and b'"windows":5' in body
    assert f'"subject":"{anchor.id}"'.encode() in body


async def test_the_top_tier_runs_it(house: SmallHouse) -> None:
    weeks, waiting = KeptWeeks(), ManualClock()
    orchestrator = Orchestrator(
        reviews=Reviews(store=house.office, permits=PERMITS, bands=PACK.bands), reads=house.office, listening=None,
        vault=house.vault, arrived=Bell(waiting), clock=waiting, duties=Duties(retaining=retaining(house, weeks)),
    )  # fmt: skip
    running = asyncio.create_task(orchestrator.run())
    try:
        async with asyncio.timeout(5):
            await weeks.made.wait()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


class Objects(StoredObjects):
    """Objects in a folder, which count who looks through them."""

    looks = 0

    async def list(self, folder: str) -> Sequence[Kept]:
        self.looks += 1
        return await super().list(folder)


async def with_media(house: SmallHouse, tmp_path: Path, given: Objects | None = None) -> Retaining:
    """A house with a picture that is too old, and one that is not."""
    objects = given or Objects(LocalStore(tmp_path))
    names = [f"{folder}/{digest}.{ending}" for digest in ("old", "new")
             for folder, ending in (("originals", "png"), ("thumbnails", "png"), ("vouched", "json"))]  # fmt: skip
    for name in names:
        await objects.put(name, b"bytes", mime="image/png")
    now_us = house.clock.now_us()
    for name in names:
        written_us = now_us - (91 if "old" in name else 89) * DAY_US
        os.utime(tmp_path / name, ns=(written_us * 1_000, written_us * 1_000))
    return Retaining(weeks=KeptWeeks(), store=house.office, keys=lambda: KEYS, days=90,
                     shelf=lifecycle.Shelf(lambda: objects))  # fmt: skip


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


async def said(house: SmallHouse, kind: EventKind) -> list[dict[str, object]]:
    links = await house.office.links(house.office.writer)
    events = [msgspec.json.decode(link.body) for link in links]
    return [event["data"] for event in events if event["kind"] == kind]


async def test_media_go_when_the_records_that_name_them_may_and_are_on_record(
    house: SmallHouse, tmp_path: Path
) -> None:
    objects = Objects(LocalStore(tmp_path))
    duty = await with_media(house, tmp_path, objects)
    assert (await duty.drop_media(), objects.looks) == (("old",), 1), "what is said and what goes is from one look"
    assert files_in(tmp_path) == ["originals/new.png", "thumbnails/new.png", "vouched/new.json"]
    (data,) = await said(house, EventKind.MEDIA_DROPPED)
    assert (data["media"], data["digests"], data["days"]) == (1, ["old"], 90)
    await duty.once()
    assert len(await said(house, EventKind.MEDIA_DROPPED)) == 1, "nothing went, and nothing is said"


@pytest.mark.parametrize("is_anchored", [True, False])
async def test_what_would_go_is_said_beforehand_and_nothing_does(
    house: SmallHouse, tmp_path: Path, *, is_anchored: bool
) -> None:
    duty = await with_media(house, tmp_path)
    before = files_in(tmp_path)
    if is_anchored:
        await Checkpoints(store=house.office, notary=InProcess(house)).take()
    foreseen = await duty.foreseen()
    assert foreseen.media == ("old",)
    assert (foreseen.weeks, foreseen.windows) == ((TWO_WEEKS, 5) if is_anchored else ((), 0))
    assert (foreseen.kept_for == "") is is_anchored
    assert files_in(tmp_path) == before
    assert await said(house, EventKind.MEDIA_DROPPED) == await dropped(house) == []
