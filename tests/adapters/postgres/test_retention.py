"""Records go by whole weeks, by one role, behind a signed checkpoint, never before their time; chains verify."""

from __future__ import annotations

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from chimera.adapters.postgres.retention import drop_weeks
from chimera.domain.attempt import Attempt
from chimera.domain.checkpoint import BEGINNING, ChainHead, Checkpoint, Statement, checkpoint_id, root_of
from chimera.domain.errors import Invalid, Refused
from chimera.domain.retention import DAY_US, RETENTION_DAYS_MIN, cut_us
from chimera.domain.roles import Role
from chimera.domain.task import Task
from chimera.governance import audit
from chimera.governance.retention import require_anchor
from chimera.testing.store_samples import Samples, change
from tests.adapters.postgres.conftest import PASSWORDS, Database

pytestmark = pytest.mark.requirement("R-G6")
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEYS = {"test": KEY.public_key().public_bytes_raw().hex()}
SOME = (ChainHead(writer="manager-0", seq=1, hash="00" * 32),)
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
    for refused, keys, before_us in (
        (None, KEYS, 0), (anchor, {}, 0), (anchor, KEYS, 501),
        (replace(anchor, statement=replace(anchor.statement, at_us=999)), KEYS, 600),
    ):  # fmt: skip
        with pytest.raises(Refused, match="retention_unanchored"):
            require_anchor(refused, before_us=before_us, keys=keys)


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
        weeks = await drop_weeks(database.admin_dsn, password=PASSWORDS[Role.MAINTENANCE], before_us=at_us,
                                 checkpoint_id=checkpoint.id)  # fmt: skip
        return {f"{one.records} {one.kept_for}".strip(): one.week for one in weeks}

    # The database looks again: too young, no such checkpoint, one that is too early.
    for at_us, checkpoint in ((now_us - 89 * DAY_US, late), (before_us, signed(9, at_us=now_us)), (before_us, early)):
        with pytest.raises(Refused, match="retention_refused"):
            await drop(at_us, checkpoint)
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


def signed(number: int, *, at_us: int, heads: tuple[ChainHead, ...] = SOME) -> Checkpoint:
    statement = Statement(number=number, previous=BEGINNING, root=root_of(heads), chains=1, at_us=at_us)
    signature = KEY.sign(statement.signed_bytes).hex()
    return Checkpoint(id=checkpoint_id(number), statement=statement, heads=heads, signature=signature, key_id="test")
