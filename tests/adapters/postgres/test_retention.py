"""Records go by whole weeks, by one role, behind a signed checkpoint, never before their time; chains verify."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from chimera.adapters.postgres import retention
from chimera.adapters.postgres.retention import PostgresWeeks
from chimera.adapters.postgres.sql import query
from chimera.adapters.vault import keys
from chimera.adapters.vault.notary import Notary, Standing
from chimera.domain.attempt import Attempt
from chimera.domain.budget import Hold, Movement
from chimera.domain.checkpoint import BEGINNING, ChainHead, Checkpoint, Statement, checkpoint_id, root_of
from chimera.domain.durations import DAY_US
from chimera.domain.errors import Invalid, Refused
from chimera.domain.retention import RETENTION_DAYS_MIN, cut_us
from chimera.domain.roles import Role
from chimera.domain.task import Task
from chimera.governance import audit
from chimera.governance.checkpoints import Checkpoints
from chimera.governance.retention import require_anchor
from chimera.governance.treasury import Treasury
from chimera.ports.notary import SignedStatement
from chimera.ports.store import Store
from chimera.swarm.bell import Bell
from chimera.swarm.loops import forever
from chimera.swarm.retaining import RETAINED_SECONDS, Retaining
from chimera.testing.manual_clock import ManualClock
from chimera.testing.store_samples import Samples, change
from tests.adapters.postgres.conftest import PASSWORDS, Database

pytestmark = pytest.mark.requirement("R-G6")
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEYS = {"test": KEY.public_key().public_bytes_raw().hex()}
OURS = {keys.name_of(KEY.public_key()): KEYS["test"]}
SOME = (ChainHead(writer="manager-0", seq=1, hash="00" * 32),)
# How long the house of the test lives, on which day a task is begun that nobody ends, and from when on the vault signs.
DAYS, LEFT_OPEN, ANCHORED_FROM = 150, 10, 120
# And on which day something is paid for, whose hold goes with its week while the ledger stays.
PAID_FOR, PAID_MICROS = 1, 50
# The weeks that an installation would have had, if it had run so long ago.
WEEK = """DO $do$ DECLARE k text; week timestamptz; child text; BEGIN
    FOR k IN SELECT kind FROM chimera.kinds WHERE partitioned LOOP
        child := k || to_char(to_timestamp({at}) AT TIME ZONE 'UTC', '_IYYY"w"IW');
        week := date_trunc('week', to_timestamp({at}) AT TIME ZONE 'UTC') AT TIME ZONE 'UTC';
        EXECUTE format('CREATE TABLE chimera.%I PARTITION OF chimera.%I FOR VALUES FROM (%L) TO (%L)',
                       child, k, chimera.first_id(week), chimera.first_id(week + interval '7 days'));
    END LOOP; END $do$"""


@pytest.mark.parametrize("days", [89, 1, 0, -1])
def test_less_than_ninety_days_is_refused(days: int) -> None:
    with pytest.raises(Invalid, match="retention_too_short"):
        cut_us(now_us=10**15, days=days)
    assert cut_us(now_us=10**15, days=RETENTION_DAYS_MIN) == 10**15 - 90 * DAY_US


def test_only_a_checkpoint_of_ours_that_is_late_enough_is_an_anchor() -> None:
    anchor = signed(1, at_us=500)
    assert require_anchor(anchor, before_us=500, keys=KEYS) == anchor
    for refused, known, before_us in (
        (None, KEYS, 0), (anchor, {}, 0), (anchor, KEYS, 501),
        (replace(anchor, statement=replace(anchor.statement, at_us=999)), KEYS, 600),
    ):  # fmt: skip
        with pytest.raises(Refused, match="retention_unanchored"):
            require_anchor(refused, before_us=before_us, keys=known)


async def test_weeks_that_are_over_go_and_the_chain_still_verifies(database: Database) -> None:
    manager, office = await database.open("manager-0", Role.MANAGER), await database.open("office", Role.OFFICE)
    now_us = await office.now_us()
    old, open_one, fresh = (Samples(start_us=now_us - days * DAY_US, entropy=days) for days in (130, 110, 3))
    admin = await database.connect()
    await admin.execute("SET ROLE chimera_owner")
    for days in (130, 110):
        await admin.execute(WEEK.format(at=(now_us - days * DAY_US) // 1_000_000))
    done, kept, young = old.attempt(old.task()), open_one.task(), fresh.attempt(fresh.task())
    await manager.commit(change(done))
    await manager.commit(change(kept))
    await manager.commit(change(young))
    before_us = cut_us(now_us=now_us, days=RETENTION_DAYS_MIN)
    standing = tuple(ChainHead(writer=one.writer, seq=one.seq, hash=one.hash.hex()) for one in await office.heads())
    early, late = signed(1, at_us=before_us - 1, heads=standing), signed(2, at_us=now_us, heads=standing)
    await office.commit(change(early))
    await office.commit(change(late))

    async def drop(at_us: int, checkpoint: Checkpoint) -> dict[str, str]:
        weeks = await weeks_of(database).drop(before_us=at_us, checkpoint_id=checkpoint.id)
        return {f"{one.records} {one.kept_for}".strip(): one.week for one in weeks}

    # The database looks again: too young, no such checkpoint, one that is too early.
    for at_us, checkpoint in ((now_us - 89 * DAY_US, late), (before_us, signed(9, at_us=now_us)), (before_us, early)):
        with pytest.raises(Refused, match="retention_refused"):
            await drop(at_us, checkpoint)
    for _ in range(2):
        foreseen = await weeks_of(database).would_drop(before_us=before_us, checkpoint_id=late.id)
        assert {f"{one.records} {one.kept_for}".strip() for one in foreseen} == {"1", "1 1 task open"}
    assert await manager.find(Attempt, done.id) is not None, "a look beforehand takes nothing away"
    with pytest.raises(Refused, match="retention_refused"):
        await weeks_of(database).would_drop(before_us=before_us, checkpoint_id=early.id)
    assert set(await drop(before_us, late)) == {"1", "1 1 task open"}
    assert await manager.find(Attempt, done.id) is None
    assert await manager.find(Task, kept.id) == kept
    assert await manager.find(Attempt, young.id) == young
    assert set(await drop(before_us, late)) == {"1 1 task open"}
    report = await audit.verify_history(office)
    assert not [flaw for flaw in report.flaws if flaw.writer != audit.CHECKPOINTS]
    await admin.close()


@pytest.mark.parametrize("role", [Role.MANAGER, Role.OFFICE, Role.EFFECTS, Role.AUDITOR])
async def test_nobody_but_maintenance_may_drop(database: Database, role: Role) -> None:
    connection = await database.connect(role)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.fetch("SELECT * FROM chimera.drop_weeks(0, gen_random_uuid())")
    await connection.close()


def weeks_of(database: Database) -> PostgresWeeks:
    return PostgresWeeks(database.admin_dsn, password=PASSWORDS[Role.MAINTENANCE])


class Passing(ManualClock):
    """Whoever waits for a bell has waited: the time has passed at once."""

    @contextlib.asynccontextmanager
    async def timeout(self, seconds: float) -> AsyncGenerator[None]:
        self.advance(seconds)
        async with asyncio.timeout(0):
            yield


class Vault:
    """Implements `ports.notary` by this clock: the notary without its process."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._notary = Notary(key=KEY, standing=Standing(), keep=lambda _: None)

    async def checkpoint(self, heads: Sequence[ChainHead], *, after: int, previous: str) -> SignedStatement:
        return self._notary.sign(heads, after=after, previous=previous, now_us=self._clock.now_us())


class Ended(Exception):
    """As many days have passed as the test is about."""


class Life:
    """A house by a clock of its own: its database tells this time, and one act a day is done in it."""

    def __init__(self, database: Database, admin: asyncpg.Connection, manager: Store, office: Store) -> None:
        self.clock = Passing(now_us=time.time_ns() // 1_000)
        self.done: dict[int, str] = {}
        self.open: Task | None = None
        self.held = ""
        self.paid: Hold | None = None
        self._treasury = Treasury()
        self._database = database
        self._admin = admin
        self._manager = manager
        self._checkpoints = Checkpoints(store=office, notary=Vault(self.clock))
        self._retaining = Retaining(weeks=weeks_of(database), store=office, keys=lambda: OURS, days=RETENTION_DAYS_MIN)

    def _posts(self, at_us: int) -> str:
        """This hour's window of a quota of the agent."""
        return f"account:mastodon/@nova|posts-hour|{datetime.fromtimestamp(at_us // 1_000_000, UTC):%Y-%m-%dT%HZ}"

    async def day(self) -> bool:
        """What happens on one day, and then what the loop does about it."""
        number, now_us = len(self.done), self.clock.now_us()
        if number == DAYS:
            raise Ended
        await self._admin.execute(f"CREATE OR REPLACE FUNCTION chimera.now_us() RETURNS bigint LANGUAGE sql VOLATILE "
                                  f"AS 'SELECT {now_us}::bigint'")  # fmt: skip
        samples = Samples(start_us=now_us, entropy=number)
        attempt = samples.attempt(samples.task())
        windows = (*self._treasury.windows_for(agent_id="a", campaign_id="c", at_us=now_us), self._posts(now_us))
        spent = tuple(Movement(windows=(one,), metered_micros=1) for one in windows)
        await self._manager.commit(change(attempt, movements=spent))
        self.done[number] = attempt.id
        if number == PAID_FOR:
            hold = replace(samples.hold(windows[:5], PAID_MICROS), category="compute")
            after, closing = hold.captured(PAID_MICROS)
            await self._manager.commit(change(hold, movements=hold.opening()))
            await self._manager.commit(change(after, movements=closing))
            self.paid = after
        if number == LEFT_OPEN:
            self.open = samples.task()
            held = Movement(windows=(windows[3],), hold_micros=1)
            await self._manager.commit(change(self.open, movements=(held,)))
            self.held = windows[3]
        if number >= ANCHORED_FROM:
            await self._checkpoints.take()
        return await self._retaining.once()


async def test_a_house_that_runs_for_months_keeps_ninety_days(database: Database) -> None:
    """By the real loop, a day at a time: weeks are made ahead, and go when it is time and a checkpoint is there."""
    manager, office = await database.open("manager-0", Role.MANAGER), await database.open("office", Role.OFFICE)
    admin = await database.connect()
    await admin.execute("SET ROLE chimera_owner")
    life = Life(database, admin, manager, office)
    kept_days: list[int] = []
    kept: list[dict[str, int]] = []
    await office.commit(change(Samples().cap("campaign:c", "total", 10_000)))

    async def day() -> bool:
        await life.day()
        rows = await admin.fetch("SELECT split_part(id, '|', 1) || split_part(id, '|', 2) AS of, count(*) AS many "
                                 "FROM chimera.window_of_budget GROUP BY 1")  # fmt: skip
        kept.append({row["of"]: row["many"] for row in rows})
        kept_days.append(await admin.fetchval("SELECT count(*) FROM chimera.attempt"))
        assert await admin.fetchval("SELECT count(*) FROM chimera.attempt_default") == 0, "a week was there for it"
        return False

    with pytest.raises(Ended):
        await forever("retaining", once=day, bell=Bell(life.clock), clock=life.clock, idle_seconds=RETAINED_SECONDS)
    assert kept_days[ANCHORED_FROM - 1] == ANCHORED_FROM, "without a signed checkpoint nothing goes"
    # A week goes whole, and the one in which something is open stays with all that is in it.
    beyond = kept_days[ANCHORED_FROM:]
    assert all(RETENTION_DAYS_MIN <= count < RETENTION_DAYS_MIN + 3 * 7 for count in beyond), beyond
    assert life.open is not None
    assert await manager.find(Task, life.open.id) == life.open
    assert await manager.find(Attempt, life.done[LEFT_OPEN]) is not None
    assert await manager.find(Attempt, life.done[LEFT_OPEN + 8]) is None
    assert [await manager.find(Attempt, life.done[number]) is None for number in range(DAYS - 90, DAYS)] == [False] * 90
    links = await office.links("office", limit=1_000)
    told = [json.loads(link.body)["data"] for link in links if b"RECORDS_DROPPED" in link.body]
    assert sum(one["records"] for one in told) == DAYS + 2 - kept_days[-1] - 1
    # Windows go a day at a time, behind the same checkpoint: all of ninety days, none in which something is held.
    assert kept[ANCHORED_FROM - 1]["agent:aday"] == ANCHORED_FROM
    assert [one["agent:aday"] for one in kept[ANCHORED_FROM:]] == [RETENTION_DAYS_MIN + 3 + 1] * (DAYS - ANCHORED_FROM)
    assert {one["account:mastodon/@novaposts-hour"] for one in kept[ANCHORED_FROM:]} == {RETENTION_DAYS_MIN + 3}
    assert {one["fleetweek"] for one in kept[ANCHORED_FROM:]} <= {14, 15}
    assert {one["fleetmonth"] for one in kept[ANCHORED_FROM:]} <= {4, 5}
    assert [window.held_micros for window in await manager.windows((life.held,))] == [1]
    assert sum(one["windows"] for one in told) > 2 * (DAYS - RETENTION_DAYS_MIN - 3) - 5
    # What the campaign has cost is told by its total and by the ledger, and both say the same.
    (total,) = await manager.windows(("campaign:c|total|total",))
    assert total.spent_micros == DAYS + PAID_MICROS
    assert life.paid is not None and await manager.find(Hold, life.paid.id) is None
    assert await admin.fetch(query("ledger_disagreements")) == []
    report = await audit.verify_history(office, keys=OURS)
    assert not report.flaws
    await admin.close()


async def test_windows_go_only_where_weeks_may_and_a_name_that_is_no_day_stops_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager, office = await database.open("manager-0", Role.MANAGER), await database.open("office", Role.OFFICE)
    now_us = await office.now_us()
    before_us = cut_us(now_us=now_us, days=RETENTION_DAYS_MIN)
    old = ("agent:a|day|2025-01-31", "agent:a|day|2025-13-45", "agent:a|day|long ago", "agent:a|day|2025-01-31T07")
    for window in old:
        await manager.commit(change(movements=(Movement(windows=(window,), metered_micros=1),)))
    early, late = signed(1, at_us=before_us - 1), signed(2, at_us=now_us)
    await office.commit(change(early))
    await office.commit(change(late))
    weeks = weeks_of(database)
    for at_us, checkpoint in ((now_us - 89 * DAY_US, late), (before_us, signed(9, at_us=now_us)), (before_us, early)):
        with pytest.raises(Refused, match="retention_refused"):
            await weeks.drop_windows(before_us=at_us, checkpoint_id=checkpoint.id)
        with pytest.raises(Refused, match="retention_refused"):
            await weeks.would_drop_windows(before_us=at_us, checkpoint_id=checkpoint.id)
    monkeypatch.setattr(retention, "WINDOWS_AT_ONCE_MAX", 1)
    for _ in range(2):
        assert await weeks.would_drop_windows(before_us=before_us, checkpoint_id=late.id) == 2, "and none has gone"
    assert sorted(one.id for one in await manager.windows()) == sorted(old)
    assert await weeks.drop_windows(before_us=before_us, checkpoint_id=late.id) == 2
    assert sorted(one.id for one in await manager.windows()) == sorted(old[2:])
    for role in (Role.MANAGER, Role.OFFICE, Role.EFFECTS, Role.AUDITOR):
        connection = await database.connect(role)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetchval("SELECT chimera.drop_windows(0, gen_random_uuid(), 1)")
        await connection.close()


async def test_what_found_no_week_of_its_own_gets_one_and_can_go(database: Database) -> None:
    """A house that ran on beyond the weeks made for it: before, what it wrote then was kept for ever."""
    manager, admin = await database.open("manager-0", Role.MANAGER), await database.connect()
    now_us = await manager.now_us()
    # Weeks are made from the one of the first day on: three days ago would be none of them on a Monday.
    old, young = (Samples(start_us=now_us - days * DAY_US, entropy=days) for days in (130, 0))
    records = old.attempt(old.task()), young.attempt(young.task())
    await manager.commit(change(*records))
    assert await admin.fetchval("SELECT count(*) FROM chimera.attempt_default") == 1
    assert await weeks_of(database).make_ahead() > 0
    assert await admin.fetchval("SELECT count(*) FROM chimera.attempt_default") == 0
    assert [await manager.get(Attempt, one.id) for one in records] == list(records)
    assert await weeks_of(database).make_ahead() == 0
    await admin.close()


def signed(number: int, *, at_us: int, heads: tuple[ChainHead, ...] = SOME) -> Checkpoint:
    statement = Statement(number=number, previous=BEGINNING, root=root_of(heads), chains=1, at_us=at_us)
    signature = KEY.sign(statement.signed_bytes).hex()
    return Checkpoint(id=checkpoint_id(number), statement=statement, heads=heads, signature=signature, key_id="test")
