"""PostgreSQL killed, restarted, cut off: every future tells the truth, nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg
import pytest

from chimera.adapters.postgres.committer import Committer
from chimera.adapters.postgres.line import Faults, Line
from chimera.adapters.postgres.patience import Patience
from chimera.adapters.postgres.store import PostgresStore
from chimera.domain.budget import Movement
from chimera.domain.change import Change
from chimera.domain.errors import Unavailable
from chimera.domain.record import next_version
from chimera.domain.roles import Role
from chimera.domain.rows import write
from chimera.domain.task import Task
from chimera.testing.store_rules_chains import require_sound
from chimera.testing.store_samples import Samples, change
from chimera.testing.store_world import moving, outcome, tally
from tests.adapters.postgres.conftest import Database

WINDOW = "fleet|day|2026-11-21"


class LosingLine(Line):
    """A line that breaks at the worst moments: before a batch is sent, or after it was committed."""

    def __init__(self, database: Database, writer: str) -> None:
        async def connect() -> asyncpg.Connection:
            return await database.connect(Role.MANAGER)

        super().__init__(connect, writer)
        self.breaks: list[str] = []

    async def send(self, changes: int, arrays: Sequence[Any]) -> Faults:
        when = self.breaks.pop(0) if self.breaks else ""
        if when == "before":
            self.drop()
        faults = await super().send(changes, arrays)
        if when == "after":
            self.drop()
            raise ConnectionResetError("lost after it was committed")
        return faults


@pytest.fixture
async def line(database: Database) -> AsyncIterator[LosingLine]:
    opened = LosingLine(database, "manager-1")
    await opened.open()
    yield opened
    await opened.close()


def committer_of(line: Line, seconds: float = 20) -> Committer:
    return Committer(line, "manager-1", Patience(seconds))


@pytest.mark.requirement("R-A4", "R-G1")
@pytest.mark.parametrize("breaks", ["after", "before", "before after", "after - after", "before before"])
async def test_a_lost_reply_is_answered_with_the_truth(database: Database, line: LosingLine, breaks: str) -> None:
    reader = await database.open("manager-2", Role.MANAGER)
    samples, committer = Samples(), committer_of(line)
    old = samples.task()
    await committer.commit(write(change(old)))
    line.breaks += breaks.split()
    fresh = [samples.task() for _ in range(20)]
    refused = moving("agent:a|day|1", hold=10**12)
    changes = [change(old), *map(change, fresh[:10]), refused, *map(change, fresh[10:]), moving(WINDOW, hold=7)]
    codes = await asyncio.gather(*(outcome(committer.commit(write(each))) for each in changes))
    assert codes == ["record_stale", *[""] * 10, "over_budget", *[""] * 11]
    assert await reader.count(Task) == {"ready": 21}
    assert [window.held_micros for window in await reader.windows((WINDOW,))] == [7]
    assert len(await require_sound(reader, "manager-1")) == 22


@pytest.mark.requirement("R-A6")
@pytest.mark.parametrize(("when", "code"), [("after", ""), ("before", "writer_fenced")])
async def test_who_was_fenced_while_away_learns_what_became_of_the_last_batch(
    database: Database, line: LosingLine, when: str, code: str
) -> None:
    committer, task = committer_of(line), Samples().task()
    successor: list[PostgresStore] = []
    send = line.send

    async def send_and_be_fenced(changes: int, arrays: Sequence[Any]) -> Faults:
        try:
            return await send(changes, arrays)
        finally:
            successor.append(await database.open("manager-1", Role.MANAGER))
            await successor[0].commit(change(note="the successor's first"))

    line.send = send_and_be_fenced
    line.breaks.append(when)
    assert await outcome(committer.commit(write(change(task)))) == code
    assert (await successor[0].find(Task, task.id) is not None) == (code == "")
    assert await outcome(committer.commit(write(change(note="too late")))) == "writer_fenced"
    await require_sound(successor[0], "manager-1")


@pytest.mark.requirement("R-G1")
async def test_one_change_that_the_database_cannot_hold_fails_alone(database: Database) -> None:
    store, admin = await database.open("manager-1", Role.MANAGER), await database.connect()
    await admin.execute("ALTER TABLE chimera.task ADD CHECK (convert_from(body, 'UTF8') NOT LIKE '%poison%')")
    samples = Samples()
    tasks = [samples.task(reason="poison" if number in (3, 77) else "food") for number in range(100)]
    changes = [change(task, movements=(Movement(windows=(WINDOW,), hold_micros=1),)) for task in tasks]
    codes = await asyncio.gather(*(outcome(store.commit(each)) for each in changes))
    assert [number for number, code in enumerate(codes) if code] == [3, 77]
    assert tally(codes) == {"": 98, "not_storable": 2}
    assert [window.held_micros for window in await store.windows((WINDOW,))] == [98]
    assert len(await require_sound(store, "manager-1")) == 98
    await admin.close()


@pytest.mark.requirement("R-E5")
async def test_a_halt_waits_for_what_has_begun_and_is_seen_by_what_comes_after(database: Database) -> None:
    """Deterministic: a commit stands between its look at the halts and its end, held up at a window."""
    manager, office = await database.open("manager-1", Role.MANAGER), await database.open("office-1", Role.OFFICE)
    other, admin = await database.open("manager-2", Role.MANAGER), await database.connect()
    await manager.commit(moving(WINDOW, hold=1))
    samples = Samples()
    held_up = admin.transaction()
    await held_up.start()
    await admin.execute("SELECT FROM chimera.window_of_budget FOR UPDATE")
    begun = asyncio.create_task(
        manager.commit(
            change(samples.task(), movements=(Movement(windows=(WINDOW,), hold_micros=1),), begins_in=("fleet",))
        )
    )
    await asyncio.sleep(0.3)
    halted = asyncio.create_task(office.commit(change(samples.halt("fleet"))))
    await asyncio.sleep(0.3)
    late = asyncio.create_task(outcome(other.commit(change(samples.task(), begins_in=("fleet",)))))
    await asyncio.sleep(0.3)
    assert not begun.done()
    assert not halted.done(), "the halt was committed although something that begins was under way"
    await held_up.rollback()
    await begun
    await halted
    assert await late == "halted"
    await admin.close()


@pytest.mark.requirement("R-A4", "R-G1", "R-A6")
async def test_killed_and_restarted_under_load_every_future_tells_the_truth(database: Database) -> None:
    stores = [await database.open(f"manager-{number}", Role.MANAGER) for number in range(3)]
    samples = Samples()
    known = samples.task()
    await stores[0].commit(change(known))
    told: dict[str, str] = {}

    async def work(store: PostgresStore, ends: asyncio.Event) -> None:
        while not ends.is_set():
            task = samples.task()
            told[task.id] = await outcome(
                store.commit(change(task, movements=(Movement(windows=(WINDOW,), hold_micros=1),)))
            )
            told[f"stale {task.id}"] = await outcome(store.commit(change(known)))
            for lease in await store.claim(shards=[task.shard], limit=1, lease_seconds=60):
                told[f"lease {lease.id} {lease.version}"] = await outcome(store.commit(change(next_version(lease))))

    for _ in range(3):
        ends = asyncio.Event()
        runs = [asyncio.create_task(work(store, ends)) for store in stores for _ in range(30)]
        await asyncio.sleep(0.4)
        await asyncio.to_thread(database.server.kill)
        await asyncio.sleep(0.2)
        await asyncio.to_thread(database.server.start)
        await asyncio.sleep(0.4)
        ends.set()
        await asyncio.gather(*runs)
    written = {key for key, code in told.items() if not key.startswith(("stale", "lease")) and code == ""}
    assert {code for key, code in told.items() if key.startswith("stale")} == {"record_stale"}
    assert {code for key, code in told.items() if not key.startswith("stale")} == {""}
    assert len(written) > 200
    present: set[str] = set()
    while page := await stores[0].list(Task, after=max(present, default="")):
        present |= {task.id for task in page}
    assert present == written | {known.id}
    assert [window.held_micros for window in await stores[0].windows((WINDOW,))] == [len(written)]
    events = [link for store in stores for link in await require_sound(stores[0], store.writer)]
    assert len(events) == 1 + sum(code == "" for code in told.values())


@pytest.mark.requirement("R-G1")
async def test_a_database_that_stays_away_is_unavailable_and_welcome_back(database: Database) -> None:
    database.patience_seconds = 0.5
    store, samples = await database.open("manager-1", Role.MANAGER), Samples()
    changes: list[Change] = [change(samples.task()) for _ in range(3)]
    await store.commit(changes[0])
    await asyncio.to_thread(database.server.kill)
    try:
        codes = await asyncio.gather(*(outcome(store.commit(each)) for each in changes[1:]), outcome(store.count(Task)))
    finally:
        await asyncio.to_thread(database.server.start)
    # What was on its way cannot be known; what was never sent is known not to be written.
    assert codes == ["commit_unresolved", "commit_unresolved", "store_unreachable"]
    await asyncio.sleep(0.2)
    codes = [await outcome(store.commit(each)) for each in changes]
    assert codes == ["record_stale", "", ""]
    assert await store.count(Task) == {"ready": 3}


@pytest.mark.requirement("R-G1", "R-A7")
async def test_a_database_without_a_connection_left_says_so_and_not_that_it_is_away(database: Database) -> None:
    database.patience_seconds = 0.3
    admin = await database.connect()
    name = await admin.fetchval("SELECT current_database()")
    await admin.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT 0')
    try:
        with pytest.raises(Unavailable, match="no connection left") as full:
            await database.open("manager-1", Role.MANAGER)
    finally:
        await admin.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT -1')
    assert full.value.code == "store_connections_used_up"
    assert "max_connections" in full.value.remedy
    await (await database.open("manager-1", Role.MANAGER)).commit(change(Samples().task()))


@pytest.mark.requirement("R-G1")
async def test_a_connection_ended_by_an_administrator_is_made_anew(database: Database) -> None:
    store, admin = await database.open("manager-1", Role.MANAGER), await database.connect()
    samples = Samples()
    for _ in range(5):
        runs = [asyncio.create_task(outcome(store.commit(change(samples.task())))) for _ in range(50)]
        await asyncio.sleep(0)
        await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'chimera_manager'")
        assert tally(await asyncio.gather(*runs)) == {"": 50}
    assert await store.count(Task) == {"ready": 250}
    await require_sound(store, "manager-1")
    await admin.close()


@pytest.mark.requirement("R-G1")
async def test_a_commit_given_up_before_it_was_sent_is_not_written(database: Database) -> None:
    store, samples = await database.open("manager-1", Role.MANAGER), Samples()
    first, given_up = (asyncio.create_task(store.commit(change(samples.task()))) for _ in range(2))
    given_up.cancel()
    await first
    with pytest.raises(asyncio.CancelledError):
        await given_up
    await store.commit(change(samples.task()))
    assert await store.count(Task) == {"ready": 2}
