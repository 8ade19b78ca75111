"""Reads of networks as calls: counted in the windows of acts, a few ahead, refused when they are used up."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping

import pytest

from chimera.adapters.postgres.calls import PostgresCalls
from chimera.adapters.postgres.ledger import open_ledger
from chimera.adapters.postgres.store import PostgresStore
from chimera.domain.budget import Movement, Window
from chimera.domain.errors import ChimeraError, Refused, Unavailable
from chimera.domain.roles import Role
from chimera.governance.treasury import Treasury
from chimera.ports.calls import CallWindows, Counted
from chimera.swarm.counting import Counting
from chimera.swarm.roster import Roster
from chimera.testing.manual_clock import ManualClock
from chimera.testing.store_samples import Samples, change
from tests.adapters.postgres.conftest import PASSWORDS, Database

pytestmark = pytest.mark.requirement("R-E2", "R-C1")
START = "2026-11-22T03Z"
HOUR = f"platform:mastodon|calls-hour|{START}"
NOVA = f"account:mastodon/@nova|calls-hour|{START}"
AT_US = 1_795_316_400_000_000


class House:
    """Who counts, who acts, who sets caps."""

    def __init__(self, calls: PostgresCalls, manager: PostgresStore, office: PostgresStore) -> None:
        self.calls, self.manager, self.office = calls, manager, office
        self.samples = Samples()
        self.clock = ManualClock(now_us=AT_US)

    async def limit(self, count: int, scope: str = "platform:mastodon") -> None:
        await self.office.commit(change(self.samples.cap(scope, "calls-hour", count)))

    async def settle(self, caller: str, made: int, wanted: int, window: str = HOUR, seconds: float = 60.0) -> int:
        told = await self.calls.settle(caller, {window: Counted(made, wanted)}, lease_seconds=seconds)
        return told[window]

    async def window(self, window: str = HOUR) -> Window:
        (found,) = await self.office.windows((window,))
        return found

    def counting(self, caller: str = "reader-1", *, windows: CallWindows | None = None) -> Counting:
        roster = Roster(reads=self.office, clock=self.clock)
        return Counting(windows=windows or self.calls, roster=roster, treasury=Treasury(), clock=self.clock,
                        caller=caller)  # fmt: skip


@pytest.fixture
async def house(database: Database) -> AsyncIterator[House]:
    calls = await PostgresCalls.open(database.admin_dsn, password=PASSWORDS[Role.GATEWAY])
    yield House(calls, await database.open("manager-0", Role.MANAGER), await database.open("office-0", Role.OFFICE))
    await calls.close()


async def verified(database: Database) -> bool:
    ledger = await open_ledger(database.admin_dsn, role=Role.AUDITOR, password=PASSWORDS[Role.AUDITOR])
    found = await ledger.disagreements()
    await ledger.close()
    return found == ()


async def test_what_is_ahead_is_held_and_what_was_made_is_spent(house: House, database: Database) -> None:
    await house.limit(1_000)
    assert await house.settle("one", 0, 8) == 8
    assert ((await house.window()).held_micros, (await house.window()).spent_micros) == (8, 0)
    assert await house.settle("one", 5, 10) == 10
    assert ((await house.window()).held_micros, (await house.window()).spent_micros) == (10, 5)
    assert await verified(database)
    assert await house.settle("one", 3, 0) == 0
    assert ((await house.window()).held_micros, (await house.window()).spent_micros) == (0, 8)
    assert await verified(database)


async def test_a_fifth_is_kept_for_acts_and_acts_may_take_it(house: House) -> None:
    await house.limit(10)
    for _ in range(8):
        assert await house.settle("one", 1, 1) == 1
    assert await house.settle("one", 1, 1) == 0
    window = await house.window()
    assert (window.spent_micros, window.is_closed_to_reads) == (8, True)
    await house.manager.commit(change(movements=(Movement(windows=(HOUR,), hold_micros=2),)))
    with pytest.raises(Refused, match="over_quota"):
        await house.manager.commit(change(movements=(Movement(windows=(HOUR,), hold_micros=1),)))


async def test_acts_leave_less_for_reads(house: House) -> None:
    await house.limit(10)
    await house.manager.commit(change(movements=(Movement(windows=(HOUR,), hold_micros=7),)))
    assert await house.settle("one", 0, 5) == 1
    assert await house.settle("one", 1, 5) == 0


async def test_what_the_dead_had_ahead_counts_as_made(house: House, database: Database) -> None:
    await house.limit(1_000)
    assert await house.settle("dead", 0, 20, seconds=0.05) == 20
    await asyncio.sleep(0.1)
    await house.settle("alive", 0, 1)
    window = await house.window()
    assert (window.held_micros, window.spent_micros) == (1, 20)
    assert await house.settle("dead", 20, 1) == 1, "and is not counted again when it was only slow"
    assert (await house.window()).spent_micros == 20
    assert await verified(database)


async def test_a_lowered_quota_closes_to_reads(house: House) -> None:
    cap = house.samples.cap("platform:mastodon", "calls-hour", 1_000)
    await house.office.commit(change(cap))
    assert await house.settle("one", 0, 10) == 10
    lower = type(cap)(id=cap.id, version=2, limited=cap.limited, period=cap.period, micros=0)
    await house.office.commit(change(lower))
    assert await house.settle("one", 4, 10) == 0
    window = await house.window()
    assert (window.held_micros, window.spent_micros, window.room_micros) == (0, 4, 0)


async def test_what_nobody_limits_is_not_counted(house: House) -> None:
    assert await house.calls.settle("one", {HOUR: Counted(0, 5)}, lease_seconds=60) == {}
    assert await house.office.windows((HOUR,)) == ()
    assert await house.settle("one", 0, 5, NOVA) == 5, "what the network publishes is"


async def test_only_whoever_reads_networks_counts_and_only_calls(house: House, database: Database) -> None:
    await house.limit(10)
    for role in (Role.OFFICE, Role.MANAGER, Role.EFFECTS, Role.AUDITOR, Role.MAINTENANCE):
        other = await PostgresCalls.open(database.admin_dsn, password=PASSWORDS[role], role=role)
        with pytest.raises(ChimeraError):
            await other.settle("one", {HOUR: Counted(0, 1)}, lease_seconds=60)
        await other.close()
    for window, made, wanted in (
        ("fleet|day|2026-11-22", 0, 1),
        (f"platform:mastodon|posts-hour|{START}", 0, 1),
        (HOUR, -5, 1),
        (HOUR, 0, -1),
        (HOUR, 0, 1_001),
    ):
        with pytest.raises(ChimeraError):
            await house.settle("one", made, wanted, window)
    assert (await house.window()).spent_micros == 0 if await house.office.windows((HOUR,)) else True
    login = await database.connect(Role.GATEWAY)
    with pytest.raises(Exception, match="permission denied"):
        await login.execute("SELECT * FROM chimera.window_of_budget")
    await login.close()


# ── a process that reads ────────────────────────────────────────────────────────────────────────────────────────────


class Watched:
    """The same windows, and how often they were asked."""

    def __init__(self, windows: CallWindows) -> None:
        self._windows = windows
        self.asked = 0

    async def settle(self, caller: str, windows: Mapping[str, Counted], *, lease_seconds: float) -> dict[str, int]:
        self.asked += 1
        return await self._windows.settle(caller, windows, lease_seconds=lease_seconds)


async def reads_of(counting: Counting, platform: str = "mastodon", account: str = "@nova") -> int:
    """How many there may be until one is refused."""
    for made in range(10_000):
        try:
            await counting.count(platform, account=account, agent_id="")
        except Refused as refusal:
            assert refusal.code == "over_quota"
            return made
    raise AssertionError("none was refused")


async def test_a_burst_of_reads_costs_few_commits(house: House, database: Database) -> None:
    await house.limit(100_000)
    watched = Watched(house.calls)
    counting = house.counting(windows=watched)
    for _ in range(1_000):
        await counting.count("mastodon", account="@nova", agent_id="")
        house.clock.advance(0.01)
    assert watched.asked < 40
    await counting.close()
    for window in (HOUR, NOVA):
        found = await house.window(window)
        assert (found.held_micros, found.spent_micros) == (0, 1_000)
    assert await verified(database)


async def test_who_reads_seldom_keeps_nothing_ahead(house: House) -> None:
    await house.limit(100_000)
    counting = house.counting()
    for made in range(5):
        await counting.count("mastodon", account="", agent_id=house.samples.id())
        window = await house.window()
        assert (window.held_micros, window.spent_micros) == (1, made)
        house.clock.advance(60)


async def test_a_refusal_names_the_window_and_ends_with_it(house: House) -> None:
    await house.limit(5)
    counting = house.counting()
    assert await reads_of(counting) == 4
    with pytest.raises(Refused, match="a fifth is kept for acts") as caught:
        await counting.count("mastodon", account="@nova", agent_id="")
    assert caught.value.where == HOUR
    assert "chimera budget set" in caught.value.remedy
    house.clock.advance(3_600)
    await counting.count("mastodon", account="@nova", agent_id="")


async def test_a_raised_quota_is_seen_at_once(house: House) -> None:
    cap = house.samples.cap("platform:mastodon", "calls-hour", 5)
    await house.office.commit(change(cap))
    counting = house.counting()
    assert await reads_of(counting) == 4
    await house.office.commit(
        change(type(cap)(id=cap.id, version=2, limited=cap.limited, period=cap.period, micros=10))
    )
    house.clock.advance(1.1)
    assert await reads_of(counting) == 4


async def test_a_clock_that_was_set_back_opens_no_window_again(house: House) -> None:
    await house.limit(5)
    counting = house.counting()
    assert await reads_of(counting) == 4
    house.clock.advance(-7_200)
    assert await reads_of(counting) == 0


@pytest.mark.parametrize("seed", range(3))
async def test_many_processes_never_read_more_than_there_is(house: House, database: Database, seed: int) -> None:
    dice = random.Random(seed)
    cap = dice.randrange(50, 400)
    await house.limit(cap)
    readers = [house.counting(f"reader-{number}") for number in range(6)]
    made = await asyncio.gather(*(reads_of(one) for one in readers))
    assert sum(made) == cap - cap // 5, "each one, and not one more"
    for one in readers:
        await one.close()
    window = await house.window()
    assert (window.held_micros, window.spent_micros) == (0, sum(made))
    assert await verified(database)


async def test_fifty_reads_of_youtube_are_one_call(house: House) -> None:
    counting = house.counting()
    for _ in range(101):
        await counting.count("youtube", account="@nova", agent_id="")
    await counting.close()
    assert (await house.window("account:youtube/@nova|calls-day|2026-11-22")).spent_micros == 3


async def test_what_cannot_be_counted_is_not_called(house: House) -> None:
    await house.limit(5)
    counting = house.counting()
    await house.calls.close()
    with pytest.raises(Unavailable):
        await counting.count("mastodon", account="@nova", agent_id="")
