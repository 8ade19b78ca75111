"""After an erasure nobody finds the person again: not in records, history or a dump, and not after a restore."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from msgspec.structs import replace

from chimera.adapters.local import people_journal
from chimera.adapters.local.people_journal import Erasure
from chimera.adapters.postgres.persons import PostgresPersons
from chimera.domain.campaign import Input
from chimera.domain.change import Change
from chimera.domain.errors import Invalid
from chimera.domain.event import Event, EventKind
from chimera.domain.labels import PUBLIC
from chimera.domain.revenue import Revenue, revenue_id
from chimera.domain.roles import Role
from chimera.domain.task import Task
from chimera.governance.audit import verify_history
from chimera.governance.privacy.person import name_of, require_handle
from chimera.governance.security.gateway import SecurityGateway
from chimera.governance.security.scan import shipped_scanner
from chimera.pipeline.intake import Arrival, Intake
from chimera.testing.manual_clock import ManualClock
from tests.adapters.postgres.conftest import PASSWORDS, Database
from tests.small_house import SmallHouse

pytestmark = [pytest.mark.requirement("R-D5"), pytest.mark.timeout(180)]
CANARY = "@canary_7f3a.example"
SAID = 'My "dog" is called Wolfram-Canary-91. He lives at the old mill near Brno!'
OTHER = "@canary_7f3a.example2"


async def fill(database: Database) -> None:
    """What a mention leaves behind: an input, a task made of it, a record with an answer that is JSON itself."""
    house = SmallHouse()
    office = await database.open("office", Role.OFFICE)
    manager = await database.open("manager-0", Role.MANAGER)
    noted = (Event(kind=EventKind.AGENT_CHANGED, subject="test", at_us=1),)
    await office.commit(Change(records=(house.agent,), events=noted))
    await office.commit(Change(records=(house.campaign,), events=noted))
    intake = Intake(security=SecurityGateway(shipped_scanner()), store=office, clock=ManualClock(), ids=house.ids)
    payloads = [{"author": CANARY, "text": SAID, "post_id": "p-1"}, {"author": OTHER, "text": "Another one's words"}]
    for payload in payloads:
        await intake.accept(Arrival(campaign_id=house.campaign.id, agent_id=house.agent.id, kind="mention",
                                    payload=payload, labels=(PUBLIC,)))  # fmt: skip
    task = await _task_of(house)
    answer = json.dumps({"text": f"{CANARY} wrote: {SAID}"})
    kept = replace(task, version=1, input={**payloads[0], "answer": answer})
    await manager.commit(Change(records=(kept,), events=noted))

    receipt = Revenue(id=revenue_id("invoice", CANARY, house.campaign.id), source="invoice", reference=f"from {CANARY}",
                      campaign_id=house.campaign.id, micros=700, received_micros=700, at_us=1)  # fmt: skip
    await office.commit(Change(records=(receipt,), events=noted))


async def _task_of(house: SmallHouse) -> Task:
    await house.open()
    return await house.a_task(spec="copy.reply", labels=(PUBLIC,))


async def everything(database: Database, name: str) -> str:
    """The database as a dump shows it, with the bytes of bodies as text."""
    run = [str(database.server._bin / "pg_dump"), "--inserts", "--dbname", database.server.dsn(name)]
    dump = subprocess.run(run, check=True, capture_output=True, text=True).stdout
    bodies = re.findall(r"\\x((?:[0-9a-f]{2})+)", dump)
    return "\n".join((dump, *(bytes.fromhex(body).decode("utf-8", "replace") for body in bodies)))


async def persons(database: Database) -> PostgresPersons:
    return await PostgresPersons.open(database.admin_dsn, password=PASSWORDS[Role.MAINTENANCE])


async def test_a_person_is_exported_and_erased_and_stays_erased(database: Database, tmp_path: Path) -> None:
    await fill(database)
    before = await everything(database, database.name)
    assert CANARY in before
    assert "Wolfram-Canary-91" in before
    backup = f"{database.name}_backup"
    hands = await persons(database)
    exported = await hands.export(CANARY)
    assert {one["kind"] for one in exported} == {"input", "revenue", "task"}
    assert OTHER not in str(exported)
    dump = tmp_path / "backup.dump"
    run = [str(database.server._bin / "pg_dump"), "--format=custom", f"--file={dump}", database.admin_dsn]
    subprocess.run(run, check=True, capture_output=True)

    journal = people_journal.erasures(tmp_path)
    journal.add(Erasure(person=name_of(CANARY, b"secret"), at_us=1))
    assert await hands.erase(CANARY) == {"input": 1, "revenue": 1, "task": 1}
    after = await everything(database, database.name)
    for word in (CANARY + '"', "Wolfram-Canary-91", "old mill near Brno"):
        assert word not in after
    assert OTHER in after
    assert await hands.export(CANARY) == ()

    # The records still read, and the chain still verifies.
    reads = await database.open_reads(Role.AUDITOR)
    assert {one.payload["author"] for one in await reads.list(Input)} == {"[erased]", OTHER}
    assert (await verify_history(reads)).verified
    assert [(one.reference, one.micros) for one in await reads.list(Revenue)] == [("from [erased]", 700)]
    await hands.close()

    # A backup from before brings the person back, until the journal is replayed over it.
    subprocess.run([str(database.server._bin / "createdb"), "--maintenance-db", database.server.dsn(), backup],
                   check=True, capture_output=True)  # fmt: skip
    subprocess.run([str(database.server._bin / "pg_restore"), "--dbname", database.server.dsn(backup), str(dump)],
                   check=True, capture_output=True)  # fmt: skip
    assert CANARY in await everything(database, backup)
    restored = await PostgresPersons.open(database.server.dsn(backup), password=PASSWORDS[Role.MAINTENANCE])
    erased = {entry.person for entry in people_journal.erasures(tmp_path).entries()}
    for author in await restored.handles():
        if name_of(author, b"secret") in erased:
            await restored.erase(author)
    await restored.close()
    again = await everything(database, backup)
    for word in (CANARY + '"', "Wolfram-Canary-91", "old mill near Brno"):
        assert word not in again
    assert OTHER in again


async def test_only_the_maintenance_role_may_blank(database: Database) -> None:
    for role in (Role.OFFICE, Role.MANAGER, Role.EFFECTS, Role.AUDITOR):
        connection = await database.connect(role)
        with pytest.raises(Exception, match="permission denied"):
            await connection.execute("SELECT chimera.blank_words(ARRAY['@somebody'])")
        await connection.close()


@pytest.mark.parametrize("person", ["", "post", "public", "@a", "x" * 300])
def test_common_words_are_nobody(person: str) -> None:
    with pytest.raises(Invalid):
        require_handle(person)


def test_a_journal_survives_a_crash_in_the_middle_of_a_line(tmp_path: Path) -> None:
    journal = people_journal.erasures(tmp_path)
    journal.add(Erasure(person="ab", at_us=1))
    with (tmp_path / "erasures.jsonl").open("ab") as file:
        file.write(b'{"person":"cd","at_')
    assert [entry.person for entry in journal.entries()] == ["ab"]
