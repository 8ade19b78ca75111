"""After `privacy erase` nobody finds the person again: in no record, file, log or WAL, and not in a restored backup.

Our own start-up, a real PostgreSQL in a home, the real command; what is searched are the bytes of every file.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from chimera import bootstrap
from chimera.domain.attempt import Attempt
from chimera.domain.campaign import Input
from chimera.domain.change import Change
from chimera.domain.event import Event, EventKind
from chimera.domain.grant import Grant
from chimera.domain.labels import PUBLIC
from chimera.domain.record import Record
from chimera.domain.review import Review
from chimera.domain.roles import Role
from chimera.domain.subjects import ERASED
from chimera.domain.task import Task
from chimera.governance.audit import verify_history
from chimera.governance.security.gateway import SecurityGateway
from chimera.governance.security.scan import shipped_scanner
from chimera.pipeline.intake import Arrival, Intake
from chimera.settings import Settings
from chimera.testing.manual_clock import ManualClock
from tests import fleet
from tests.small_house import SmallHouse, a_post

pytestmark = [pytest.mark.requirement("R-D5"), pytest.mark.timeout(600)]
CANARY = "@canary_7f3a.example"
SAID = "My dog is called Wolfram-Canary-91 and lives at the old mill near Brno"
CANARIES = (b"canary_7f3a", b"Wolfram-Canary-91", b"old mill near Brno")
OTHER, OTHERS_WORDS = "@kaspar_22b.example", "Another one's words, which stay where they are"
NOTED = (Event(kind=EventKind.AGENT_CHANGED, subject="test", at_us=1),)
KINDS = (Input, Task, Attempt, Grant, Review)


def where_it_stands(folder: Path) -> list[str]:
    """Every file under a folder in which one of the canaries stands, in any case."""
    needles = [canary.lower() for canary in CANARIES]
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    assert files
    return [str(path) for path in files if any(needle in path.read_bytes().lower() for needle in needles)]


async def fill(home: Path) -> None:
    """What two mentions leave behind: inputs through intake; tasks, attempts, grants, reviews as the manager's."""
    async with bootstrap.running_or_own_database(Settings(home=str(home))) as found:
        house = await SmallHouse().open()
        office = await found.store(Role.OFFICE, writer="office")
        manager = await found.store(Role.MANAGER, writer="manager-0")
        await office.commit(Change(records=(house.agent,), events=NOTED))
        await office.commit(Change(records=(house.campaign,), events=NOTED))
        intake = Intake(security=SecurityGateway(shipped_scanner()), store=office, clock=ManualClock(), ids=house.ids)
        quoting = f"{OTHERS_WORDS}, said {CANARY}"
        for author, text in ((CANARY, SAID), (OTHER, OTHERS_WORDS), (OTHER, quoting)):
            payload = {"author": author, "text": text, "post_id": "p-1", "platform": "sandbox"}
            await intake.accept(Arrival(campaign_id=house.campaign.id, agent_id=house.agent.id, kind="mention",
                                        payload=payload, labels=(PUBLIC,)))  # fmt: skip
            for record in await followed(house, payload):
                await manager.commit(Change(records=(record,), events=NOTED))
        await office.close()
        await manager.close()


async def followed(house: SmallHouse, payload: dict[str, str]) -> list[Record]:
    task = await house.a_task(spec="copy.reply", input=payload, labels=(PUBLIC,))
    action = a_post(f"{payload['author']} wrote: {payload['text']}", target_account=payload["author"])
    granted = await house.grant(action, seal=False, task=task)
    review = await house.escalate(action)
    attempts = [one for one in await house.manager.list(Attempt) if one.question and one.question.action == action]
    found = (task, granted.grant, review, *attempts)
    return [replace(record, version=1) for record in found]


async def texts(home: Path) -> list[str]:
    """Every record that may hold somebody's words, as whoever opens this house reads it; and the chain verifies."""
    async with bootstrap.running_or_own_database(Settings(home=str(home))) as found:
        reads = await found.reads()
        try:
            records = [record for kind in KINDS for record in await reads.list(kind)]
            assert (await verify_history(reads)).verified
            return [str(record) for record in records]
        finally:
            await reads.close()


def test_after_an_erasure_nobody_finds_the_person_again(made_home: Path, tmp_path: Path) -> None:
    asyncio.run(fill(made_home))
    before = asyncio.run(texts(made_home))
    assert sum(CANARY in text for text in before) >= 6
    # What is read is whole; what lies on the disk is sealed: data, WAL, logs.
    assert where_it_stands(made_home) == []
    backup = tmp_path / "backup"
    shutil.copytree(made_home, backup, symlinks=True)

    exported = fleet.chimera(made_home, "privacy", "export", CANARY, "--why", "asked by letter", "--json")
    assert (exported.code, exported.out.count(SAID) >= 4) == (0, True), exported
    erased = fleet.chimera(made_home, "privacy", "erase", CANARY, "--why", "asked by letter", "--json")
    assert erased.code == 0, erased
    # His own five, and the five of the one who quoted him; a seal's blanks are not counted.
    assert '"blanked":{"attempt":4,"grant":2,"input":2,"review":2,"task":2}' in erased.out, erased
    require_gone(made_home, before)
    again = fleet.chimera(made_home, "privacy", "export", CANARY, "--json")
    assert (again.code, '"records":[]' in again.out) == (0, True), again

    # Whoever is forgotten can still say no, and is known by no name.
    said = fleet.chimera(made_home, "privacy", "opt-out", CANARY, "--json")
    assert (said.code, said.out.count("withdrawn")) == (0, 4), said
    assert fleet.chimera(made_home, "privacy", "consent", CANARY, "--json").out.count("withdrawn") == 4
    assert where_it_stands(made_home) == []

    # The database of the day before comes back: into this home, with its journal and without the key.
    restored = tmp_path / "restored"
    shutil.copytree(backup, restored, symlinks=True)
    for name in ("erasures.jsonl", "consents.jsonl", "subjects"):
        shutil.rmtree(restored / name, ignore_errors=True)
        (shutil.copytree if (made_home / name).is_dir() else shutil.copy)(made_home / name, restored / name)
    require_gone(restored, before)
    # The wish that was said after the backup was made is in force again, and nobody's name came back with it.
    assert fleet.chimera(restored, "privacy", "consent", CANARY, "--json").out.count("withdrawn") == 4
    assert where_it_stands(restored) == []

    # Somebody brings back everything, the key too: the journal destroys it before anybody reads.
    everything = tmp_path / "everything"
    shutil.copytree(backup, everything, symlinks=True)
    shutil.copy(made_home / "erasures.jsonl", everything / "erasures.jsonl")
    require_gone(everything, before)


def require_gone(home: Path, before: list[str]) -> None:
    after = asyncio.run(texts(home))
    assert len(after) == len(before), "no record is lost"
    assert not [text for text in after for canary in CANARIES if canary.decode() in text]
    assert sum(ERASED in text for text in after) >= 6
    assert sum(OTHERS_WORDS in text for text in after) == sum(OTHERS_WORDS in text for text in before)
    assert where_it_stands(home) == []
