"""Allotments: managers do not wait for one another at the fleet's windows, and no window has ever more than its cap."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import pytest

from chimera.adapters.postgres.allotments import PostgresAllotments
from chimera.adapters.postgres.store import PostgresStore
from chimera.domain.budget import Cap, Hold, Movement, Window, metered
from chimera.domain.caps import cap_id
from chimera.domain.errors import ChimeraError, Refused
from chimera.domain.record import next_version
from chimera.domain.roles import Role
from chimera.governance.treasury import Treasury
from chimera.swarm.allotting import IDLE_ROUNDS, Allotting
from chimera.testing.manual_clock import ManualClock
from chimera.testing.store_samples import Samples, change
from tests.adapters.postgres.conftest import PASSWORDS, Database

pytestmark = pytest.mark.requirement("R-A2", "R-E2")
DAY, OWN = "fleet|day|2026-11-21", "agent:0193|day|2026-11-21"
CAP = 1_000_000_000


class House:
    """Two managers of one fleet, and what each has of its day."""

    def __init__(self, first: PostgresStore, second: PostgresStore, office: PostgresStore, parts: PostgresAllotments):
        self.managers = (first, second)
        self.office = office
        self.parts = parts
        self.samples = Samples()

    async def allot(self, manager: int, *windows: str, share_bp: int = 1_000, seconds: float = 60.0) -> int:
        return await self.parts.allot(
            self.managers[manager].writer, windows, share_bp=share_bp, micros_max=CAP, lease_seconds=seconds
        )

    async def hold(self, manager: int, micros: int, windows: Sequence[str] = (DAY,)) -> Hold:
        hold = self.samples.hold(tuple(windows), micros)
        await self.managers[manager].commit(change(hold, movements=hold.opening()))
        return hold

    async def end(self, manager: int, hold: Hold, *, spent: int | None) -> None:
        after, movements = hold.released() if spent is None else hold.captured(spent)
        await self.managers[manager].commit(change(after, movements=movements))

    async def day(self) -> Window:
        (window,) = await self.office.windows((DAY,))
        return window

    async def limit(self, micros: int) -> None:
        caps = {one.key: one for one in await self.office.list(Cap)}
        known = caps.get("fleet|day")
        new = Cap(id=cap_id("fleet", "day"), limited="fleet", period="day", micros=micros)
        cap = new if known is None else type(known)(
            id=known.id, version=next_version(known).version, limited="fleet", period="day", micros=micros)  # fmt: skip
        await self.office.commit(change(cap))


@pytest.fixture
async def house(database: Database):
    first, second = await database.open("manager-0", Role.MANAGER), await database.open("manager-1", Role.MANAGER)
    parts = await PostgresAllotments.open(database.admin_dsn, role=Role.MANAGER, password=PASSWORDS[Role.MANAGER])
    made = House(first, second, await database.open("office-0", Role.OFFICE), parts)
    await made.limit(CAP)
    await made.end(0, await made.hold(0, 1), spent=None)
    yield made
    await parts.close()


async def test_who_has_an_allotment_does_not_wait_at_the_window(house: House, database: Database) -> None:
    assert await house.allot(0, DAY) == CAP // 10
    locker = await database.connect()
    try:
        async with locker.transaction():
            await locker.execute("SELECT FROM chimera.window_of_budget WHERE id = $1 FOR UPDATE", DAY)
            async with asyncio.timeout(20):
                hold = await house.hold(0, 500, (DAY, OWN))
                await house.end(0, hold, spent=400)
            assert (await house.day()).spent_micros == 400, "and whoever looks sees it at once"
            waits = asyncio.create_task(house.hold(1, 500))
            await asyncio.wait((waits,), timeout=0.5)
            assert not waits.done(), "who has none waits as before"
        assert (await waits).amount_micros == 500
    finally:
        await locker.close()


async def test_nothing_is_refused_for_what_another_has_and_does_not_use(house: House) -> None:
    await house.allot(0, DAY, share_bp=5_000)
    held = await house.hold(1, CAP)
    assert (await house.day()).room_micros == 0
    for manager in (0, 1):
        with pytest.raises(Refused, match="has room for 0 micros"):
            await house.hold(manager, 1)
    await house.end(0, held, spent=CAP - 5)
    assert (await house.day()).room_micros == 5


async def test_lowering_a_cap_closes_what_was_allotted_at_once(house: House) -> None:
    await house.allot(0, DAY)
    await house.hold(0, 100)
    await house.limit(100)
    with pytest.raises(Refused, match="has room for 0 micros"):
        await house.hold(0, 1)
    assert await house.allot(0, DAY, share_bp=10_000) == 0


async def test_late_cost_closes_what_was_allotted(house: House) -> None:
    await house.allot(0, DAY)
    await house.managers[1].commit(change(movements=metered((DAY,), CAP + 7), note="late"))
    assert (await house.day()).overrun_micros == 7
    with pytest.raises(Refused, match="has room for 0 micros"):
        await house.hold(0, 1)


async def test_what_the_dead_had_goes_back(house: House) -> None:
    await house.allot(0, DAY, seconds=0.2)
    hold = await house.hold(0, 300)
    await asyncio.sleep(0.3)
    everything = await house.allot(1, DAY, share_bp=10_000)
    assert CAP - 300 - 10_000 < everything <= CAP - 300, "all that is free, and so nothing is with the dead"
    assert (await house.day()).held_micros == 300
    await house.end(1, hold, spent=200)
    assert await house.allot(1) == 0
    window = await house.day()
    assert (window.held_micros, window.spent_micros, window.room_micros) == (0, 200, CAP - 200)


async def test_only_managers_are_allotted_and_only_of_the_fleet(house: House, database: Database) -> None:
    for role in (Role.OFFICE, Role.EFFECTS, Role.AUDITOR, Role.MAINTENANCE):
        parts = await PostgresAllotments.open(database.admin_dsn, role=role, password=PASSWORDS[role])
        with pytest.raises(ChimeraError):
            await parts.allot("manager-0", (DAY,), share_bp=1, micros_max=1, lease_seconds=1)
        await parts.close()
    await house.managers[0].commit(change(movements=(Movement(windows=(OWN,), hold_micros=1),)))
    with pytest.raises(Exception, match="violates check constraint"):
        await house.allot(0, OWN)


async def test_whoever_is_idle_keeps_nothing_back(house: House) -> None:
    done = [0]
    clock = ManualClock(now_us=await house.office.now_us())
    day = Treasury().windows_for(agent_id="", campaign_id="", at_us=clock.now_us())[0]
    await house.managers[0].commit(change(movements=(Movement(windows=(day,), metered_micros=1),)))
    allotting = Allotting(allotments=house.parts, writer="manager-0", treasury=Treasury(), clock=clock,
                          active=lambda: done[0])  # fmt: skip
    had = [await allotting.once() for _ in range(IDLE_ROUNDS + 2)]
    assert min(had[:IDLE_ROUNDS]) > 0
    assert had[-1] == 0
    done[0] += 1
    assert await allotting.once() > 0


class Model:
    """One window by its law, as if nobody were allotted anything."""

    def __init__(self, house: House, dice: random.Random) -> None:
        self.house, self.dice = house, dice
        self.open: list[Hold] = []
        self.spent, self.overrun, self.cap = 0, 0, CAP

    @property
    def held(self) -> int:
        return sum(hold.amount_micros for hold in self.open)

    async def hold(self, manager: int) -> None:
        micros = self.dice.randrange(1, CAP // 3)
        if micros <= self.cap - self.held - self.spent - self.overrun:
            self.open.append(await self.house.hold(manager, micros))
            return
        with pytest.raises(Refused, match="has room for"):
            await self.house.hold(manager, micros)

    async def end(self, manager: int) -> None:
        if self.open:
            hold = self.open.pop(self.dice.randrange(len(self.open)))
            used = self.dice.randrange(0, hold.amount_micros + 1)
            await self.house.end(manager, hold, spent=used or None)
            self.spent += used

    async def meter(self, manager: int) -> None:
        late = self.dice.randrange(1, CAP // 20)
        await self.house.managers[manager].commit(change(movements=metered((DAY,), late), note="late"))
        taken = min(late, max(0, self.cap - self.held - self.spent))
        self.spent, self.overrun = self.spent + taken, self.overrun + late - taken

    async def limit(self, _manager: int) -> None:
        limit = self.dice.randrange(CAP // 2, CAP)
        await self.house.limit(limit)
        self.cap = limit

    async def allot(self, manager: int) -> None:
        share, seconds = self.dice.choice((0, 500, 5_000)), self.dice.choice((0.0, 60.0))
        await self.house.allot(manager, DAY, share_bp=share, seconds=seconds)

    async def give_back(self, manager: int) -> None:
        await self.house.allot(manager)


@pytest.mark.parametrize("seed", range(3))
async def test_no_sequence_takes_more_than_there_is_or_loses_any(house: House, seed: int) -> None:
    """Whatever two managers do, whoever ends what the other held, is allotted or silent."""
    dice = random.Random(seed)
    model = Model(house, dice)
    acts = (model.hold, model.hold, model.end, model.end, model.meter, model.limit, model.allot, model.allot,
            model.give_back)  # fmt: skip
    for _ in range(60):
        await dice.choice(acts)(dice.randrange(2))
        window = await house.day()
        gone = window.spent_micros + window.overrun_micros
        assert (window.held_micros, gone) == (model.held, model.spent + model.overrun)
    for manager in (0, 1):
        await house.allot(manager)
    assert (await house.day()).held_micros == model.held
