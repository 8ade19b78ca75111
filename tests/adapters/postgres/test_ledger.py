"""The ledger writes itself, agrees with windows and holds whatever happens, and cannot be changed by anybody."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping

import asyncpg
import pytest
from msgspec.structs import replace

from chimera.adapters.postgres.ledger import PostgresLedger, open_ledger
from chimera.adapters.postgres.store import PostgresStore
from chimera.domain import ids
from chimera.domain.budget import MODEL_CALLS, Cap, Hold, metered
from chimera.domain.caps import cap_id
from chimera.domain.change import fused
from chimera.domain.errors import ChimeraError
from chimera.domain.revenue import Revenue, revenue_id
from chimera.domain.roles import Role
from chimera.domain.task import TaskState
from chimera.testing.store_samples import Samples, change
from tests.adapters.postgres.conftest import PASSWORDS, Database

FLEET = ("fleet|day|2026-11-21", "fleet|week|2026-11-16", "fleet|month|2026-11-01")
CAMPAIGN = "0193a000-0000-7000-8000-000000000001"
OTHER = "0193a000-0000-7000-8000-000000000002"
SEEDS = range(6)


def windows_of(campaign: str, agent: str = "a") -> tuple[str, ...]:
    return (
        *FLEET,
        f"agent:{agent}|day|2026-11-21",
        f"campaign:{campaign}|total|total",
        "category:compute|day|2026-11-21",
    )


class House:
    """A manager and an office over one database, a few holds, and the ledger beside them."""

    def __init__(self, manager: PostgresStore, office: PostgresStore, ledger: PostgresLedger) -> None:
        self.manager, self.office, self.ledger = manager, office, ledger
        self.samples = Samples()
        self.held: list[Hold] = []
        self.caps: dict[str, Cap] = {}
        self.quotas: tuple[str, ...] = ()

    async def set_cap(self, limited: str, period: str, micros: int) -> None:
        known = self.caps.get(f"{limited}|{period}")
        cap = Cap(
            id=cap_id(limited, period),
            version=known.version + 1 if known else 1,
            limited=limited,
            period=period,
            micros=micros,
        )
        await self.office.commit(change(cap))
        self.caps[cap.key] = cap

    async def hold(self, amount: int, campaign: str = CAMPAIGN, *, expires_at_us: int = 1, task_id: str = "") -> Hold:
        hold = replace(self.samples.hold(windows_of(campaign), amount), category="compute", expires_at_us=expires_at_us)
        hold = replace(hold, task_id=task_id or hold.task_id, quotas=self.quotas)
        await self.manager.commit(change(hold, movements=hold.opening()))
        self.held.append(hold)
        return hold

    async def capture(self, hold: Hold, spent: int, *, parts: Mapping[str, int] | None = None) -> None:
        after, movements = hold.captured(spent, parts=parts or {})
        await self.manager.commit(change(after, movements=movements))

    async def release(self, hold: Hold) -> None:
        after, movements = hold.released()
        await self.manager.commit(change(after, movements=movements))

    async def end(self, hold: Hold, what: str, *, times: int) -> None:
        """Captured for so many times its amount, or released."""
        spent = hold.amount_micros * times
        parts = {"tools": spent // 3, "storage": spent // 5}
        await (self.capture(hold, spent, parts=parts) if what == "capture" else self.release(hold))

    async def expire(self, *, before_us: int) -> None:
        """What the sweep does with what nobody has performed in time: found by its time, and given back."""
        due = await self.manager.list(Hold, states=("held",), due_before_us=before_us)
        assert {one.id for one in due} == {one.id for one in self.held if one.expires_at_us <= before_us}
        for hold in due:
            await self.release(hold)
        self.held = [one for one in self.held if one.expires_at_us > before_us]
        assert await self.manager.list(Hold, states=("held",), due_before_us=before_us) == ()

    async def meter(self, amount: int, campaign: str = CAMPAIGN) -> None:
        await self.manager.commit(change(movements=metered(windows_of(campaign), amount), note="metered"))

    async def receive(
        self, reference: str, micros: int, source: str = "invoice", category: str = "", task_id: str = ""
    ) -> None:
        receipt = Revenue(
            id=revenue_id(source, reference, CAMPAIGN),
            source=source,
            reference=reference,
            category=category,
            campaign_id=CAMPAIGN,
            task_id=task_id,
            micros=micros,
            received_micros=micros,
            at_us=1,
        )
        await self.office.commit(change(receipt))

    async def balances(self) -> dict[str, int]:
        return {one.account: one.micros for one in await self.ledger.balances() if one.micros}


@pytest.fixture
async def house(database: Database):
    ledger = await open_ledger(database.admin_dsn, role=Role.AUDITOR, password=PASSWORDS[Role.AUDITOR])
    opened = House(await database.open("manager-1", Role.MANAGER), await database.open("office-1", Role.OFFICE), ledger)
    for campaign in (CAMPAIGN, OTHER):
        await opened.set_cap(f"campaign:{campaign}", "total", 9_000_000)
    yield opened
    await ledger.close()


@pytest.mark.requirement("R-E7", "R-E2")
async def test_a_hold_a_capture_and_a_cost_are_booked_in_the_same_commit(house: House) -> None:
    hold = await house.hold(500)
    assert await house.balances() == {"agent:a:held": 500, "fleet:cash": -500}
    await house.capture(hold, 300)
    await house.meter(7)
    compute, model = f"campaign:{CAMPAIGN}:compute", f"campaign:{CAMPAIGN}:model"
    assert await house.balances() == {compute: 300, model: 7, "fleet:cash": -307}
    assert {one.category: one.micros for one in await house.ledger.costs()} == {"compute": 300, "model": 7}
    assert await house.ledger.disagreements() == ()


@pytest.mark.requirement("R-E7", "R-A7")
async def test_the_end_of_a_hold_does_not_read_every_booking(house: House, database: Database) -> None:
    """Its plan is made while there are few, and serves for as long as the server runs."""
    for hold in [await house.hold(10) for _ in range(8)]:
        await house.capture(hold, 7)
    # Whoever goes tells at once what he read; who stays, once a second.
    await house.manager.close()
    admin = await database.connect()
    scans = "SELECT {}_scan FROM pg_stat_all_tables WHERE relid = 'chimera.booking'::regclass"
    while (passed := await admin.fetchval(scans.format("seq"))) + await admin.fetchval(scans.format("idx")) < 8:
        await database.pass_time(0.05)
    await admin.close()
    assert passed == 0


@pytest.mark.requirement("R-E7", "R-E2")
async def test_what_is_held_and_captured_in_one_step_has_one_booking(house: House) -> None:
    hold = replace(house.samples.hold(windows_of(CAMPAIGN), 500), category="compute")
    after, closing = hold.captured(500)
    step = fused(change(hold, movements=hold.opening()), change(after, movements=closing))
    await house.manager.commit(step)
    assert await house.balances() == {f"campaign:{CAMPAIGN}:compute": 500, "fleet:cash": -500}
    assert await house.ledger.entries_count() == 4, "metered first, and then what it was for"
    assert {(one.held_micros, one.spent_micros) for one in await house.manager.windows(windows_of(CAMPAIGN))} == {
        (0, 500)
    }
    assert await house.ledger.disagreements() == ()


@pytest.mark.requirement("R-E7", "R-L3")
async def test_cost_by_task_type_is_what_the_ledgers_rows_say(house: House) -> None:
    made = [replace(house.samples.task(), campaign_id=CAMPAIGN, state=TaskState.DONE) for _ in range(3)]
    unfinished = replace(house.samples.task(), campaign_id=CAMPAIGN)
    await house.manager.commit(change(*made, unfinished))
    for task, spent in ((made[0], 300), (made[1], 200), (unfinished, 50)):
        await house.capture(await house.hold(500, task_id=task.id), spent)
    await house.meter(70)
    (cost,) = await house.ledger.task_costs()
    assert (cost.campaign_id, cost.task_type, cost.tasks, cost.direct_micros) == (CAMPAIGN, made[0].spec.name, 3, 500)
    assert {one.category: one.micros for one in await house.ledger.costs()} == {"compute": 550, "model": 70}


@pytest.mark.requirement("R-E7")
async def test_what_models_cost_one_task_stands_in_the_ledger_under_that_task(house: House) -> None:
    hold = replace(house.samples.hold(windows_of(CAMPAIGN), 70_000), category=MODEL_CALLS)
    await house.manager.commit(change(hold, movements=hold.opening()))
    await house.capture(hold, 1_500)
    entries = [one for one in await house.ledger.entries() if one.task_id == hold.task_id]
    assert sum(one.micros for one in entries if one.category == MODEL_CALLS) == 1_500
    assert sum(one.micros for one in entries) == 0
    assert await house.ledger.disagreements() == ()


@pytest.mark.requirement("R-E7", "R-L3")
async def test_tools_and_storage_have_accounts_of_their_own(house: House) -> None:
    for spent, parts in ((1_500, {"tools": 400, "storage": 100}), (90, {"tools": 90}), (7, {})):
        hold = replace(house.samples.hold(windows_of(CAMPAIGN), 70_000), category=MODEL_CALLS)
        await house.manager.commit(change(hold, movements=hold.opening()))
        await house.capture(hold, spent, parts=parts)
    expected = {MODEL_CALLS: 1_007, "tools": 490, "storage": 100}
    assert {one.category: one.micros for one in await house.ledger.costs()} == expected
    accounts = {f"campaign:{CAMPAIGN}:{name}": micros for name, micros in expected.items()}
    assert await house.balances() == {**accounts, "fleet:cash": -1_597}
    assert await house.ledger.disagreements() == ()


async def test_what_has_no_cost_writes_no_row(house: House) -> None:
    await house.manager.commit(change(house.samples.task()))
    await house.manager.commit(change(house.samples.task(), movements=metered(windows_of(CAMPAIGN), 0)))
    assert await house.ledger.entries_count() == 0


@pytest.mark.requirement("R-E7")
async def test_the_costs_of_one_batch_are_one_booking(house: House) -> None:
    manager = house.manager
    await house.meter(1)
    before = await house.ledger.entries_count()
    changes = [change(movements=metered(windows_of((CAMPAIGN, OTHER)[n % 2]), 10), note=str(n)) for n in range(40)]
    await asyncio.gather(*(manager.commit(one) for one in changes))
    # The first change goes alone while the others gather: two bookings, of two and three entries.
    assert await house.ledger.entries_count() - before <= 6
    assert await house.ledger.disagreements() == ()


@pytest.mark.requirement("R-B5", "R-E7")
async def test_revenue_and_refunds_are_booked_once_and_make_the_outcome(house: House) -> None:
    await house.capture(await house.hold(1_000), 1_000)
    await house.receive("INV-1", 4_000)
    await house.receive("hash", 500, source="x402")
    await house.receive("back", 100, source="refund", category="compute")
    with pytest.raises(ChimeraError, match="written by somebody else"):
        await house.receive("INV-1", 4_000)
    outcome = (await house.ledger.outcomes("compute"))[0]
    assert (outcome.cost_micros, outcome.revenue_micros) == (900, 4_500)
    assert await house.ledger.disagreements() == ()


@pytest.mark.requirement("R-B5", "R-E7")
async def test_what_a_post_earned_stands_beside_what_it_cost(house: House) -> None:
    first, second = house.samples.id(), house.samples.id()
    assert await house.ledger.newest_us() == 0
    await house.capture(await house.hold(1_000, task_id=first), 1_000)
    assert abs(await house.ledger.newest_us() - await house.office.now_us()) < 60_000_000
    await house.receive("INV-1", 4_000, task_id=first)
    await house.receive("INV-2", 500, source="affiliate", task_id=first)
    await house.receive("INV-3", 70, task_id=second)
    await house.receive("INV-4", 9_000)
    await house.receive("back", 100, source="refund", category="compute", task_id=first)
    assert await house.ledger.task_revenue(CAMPAIGN) == {first: 4_500, second: 70}
    assert await house.ledger.task_revenue(OTHER) == {}


@pytest.mark.requirement("R-E7", "R-D8")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE chimera.ledger SET micros = micros + 1",
        "DELETE FROM chimera.ledger",
        "TRUNCATE chimera.ledger",
        "UPDATE chimera.booking SET at_us = 1",
        "DELETE FROM chimera.booking",
        "TRUNCATE chimera.booking",
        "UPDATE chimera.revenue SET body = ''",
        "UPDATE chimera.revenue SET body = convert_to('{\"reference\":\"[erased]\"}', 'UTF8')",
        "DELETE FROM chimera.spending",
    ],
)
async def test_not_even_the_administrator_changes_it(house: House, database: Database, statement: str) -> None:
    await house.capture(await house.hold(500), 300)
    await house.receive("INV-1", 900)
    admin = await database.connect()
    with pytest.raises(asyncpg.PostgresError, match="only added to"):
        await admin.execute(statement)
    await admin.close()


ONE_BOOKING = "INSERT INTO chimera.booking (kind, at_us) VALUES ('metered', 1) RETURNING id"
LEGS = """INSERT INTO chimera.ledger (booking, leg, account, owner, category, micros)
          SELECT made.id, v.leg, 'fleet:cash', 'fleet', 'cash', v.micros
          FROM {made}, (VALUES {legs}) AS v (leg, micros)"""


def booked(legs: str) -> str:
    """A booking with its legs, in one statement."""
    return f"WITH made AS ({ONE_BOOKING}) {LEGS.format(made='made', legs=legs)}" if legs else ONE_BOOKING


@pytest.mark.requirement("R-E7")
@pytest.mark.parametrize("legs", ["(1, 5), (2, -4)", "(1, 5)", ""])
async def test_a_booking_that_does_not_balance_is_refused_when_it_is_written(database: Database, legs: str) -> None:
    admin = await database.connect()
    with pytest.raises(asyncpg.PostgresError, match="balance"):
        await admin.execute(booked(legs))
    assert await admin.fetchval("SELECT count(*) FROM chimera.booking") == 0
    await admin.execute(booked("(1, 5), (2, -5)"))
    with pytest.raises(asyncpg.PostgresError, match="balance"):
        await admin.execute(LEGS.format(made="chimera.booking AS made", legs="(3, 7)"))
    assert await admin.fetchval("SELECT sum(micros) FROM chimera.ledger") == 0
    await admin.close()


@pytest.mark.requirement("R-E7")
@pytest.mark.parametrize("stranger", ['recipient:x"agent:mallory|day|2026-11-21', "recipient:\\agent|day|2026-11-21"])
async def test_what_a_strangers_name_looks_like_is_no_owner(house: House, stranger: str) -> None:
    """A recipient may be called anything: what is booked to whom is read from whole windows, not from parts."""
    hold = replace(house.samples.hold((stranger, *windows_of(CAMPAIGN)), 500), category="compute")
    await house.manager.commit(change(hold, movements=hold.opening()))
    assert await house.balances() == {"agent:a:held": 500, "fleet:cash": -500}
    await house.capture(hold, 300)
    assert await house.balances() == {f"campaign:{CAMPAIGN}:compute": 300, "fleet:cash": -300}
    assert await house.ledger.disagreements() == ()


@pytest.mark.requirement("R-E7")
async def test_a_book_changed_behind_everybodys_back_is_found_and_named(house: House, database: Database) -> None:
    await house.capture(await house.hold(500), 300)
    admin = await database.connect()
    await admin.execute("ALTER TABLE chimera.ledger DISABLE TRIGGER USER")
    await admin.execute("UPDATE chimera.ledger SET micros = 299 WHERE category = 'compute'")
    await admin.close()
    found = {one.check for one in await house.ledger.disagreements()}
    assert found == {"booking_balances", "captured"}


async def require_no_window_exceeded(house: House) -> None:
    for window in await house.manager.windows():
        assert window.held_micros + window.spent_micros <= window.cap_micros, window


@pytest.mark.requirement("R-E2", "R-E7")
@pytest.mark.parametrize("seed", SEEDS)
async def test_no_sequence_breaks_conservation_or_a_window(house: House, seed: int) -> None:
    dice = random.Random(seed)
    await house.set_cap("agent:a", "day", 90_000_000)
    await house.set_cap("platform:x", "calls-hour", 20)
    house.quotas = ("platform:x|calls-hour|2026-11-21T14Z", "account:x/@a|posts-hour|2026-11-21T14Z")
    await house.hold(1_000)
    done = dict.fromkeys(("hold", "capture", "release", "expire", "meter", "cap", "receive"), 0)
    done["hold"] = 1
    for number in range(60):
        what = dice.choice(tuple(done))
        amount = dice.choice((1, 999, 250_000, 2_000_000, 8_000_000))
        try:
            match what:
                case "hold":
                    await house.hold(amount, dice.choice((CAMPAIGN, OTHER)), expires_at_us=dice.randint(1, 1_000))
                case "capture" | "release" if house.held:
                    await house.end(house.held.pop(dice.randrange(len(house.held))), what, times=dice.choice((0, 1, 3)))
                case "expire":
                    await house.expire(before_us=dice.randint(1, 400))
                case "meter":
                    await house.meter(amount, dice.choice((CAMPAIGN, OTHER)))
                case "cap":
                    limited, period = dice.choice(
                        ((f"campaign:{OTHER}", "total"), ("agent:a", "day"), ("platform:x", "calls-hour"))
                    )
                    most = (0, 3, 30) if limited == "platform:x" else (0, 20_000_000, 900_000_000)
                    await house.set_cap(limited, period, dice.choice(most))
                case _:
                    source = dice.choice(("invoice", "refund"))
                    await house.receive(str(number), amount, source, "compute")
            done[what] += 1
        except ChimeraError as error:
            assert error.code in ("over_budget", "over_quota"), error
        await require_no_window_exceeded(house)
    assert await house.ledger.disagreements() == (), seed
    assert all(done.values()), done
    balances = await house.balances()
    assert sum(balances.values()) == 0
    assert sum(hold.amount_micros for hold in house.held) == balances.get("agent:a:held", 0)
    counted = await house.manager.windows(house.quotas)
    assert [one.held_micros for one in counted] == [len(house.held)] * 2


@pytest.mark.requirement("R-E2", "R-E7")
async def test_a_quota_that_differs_from_its_holds_is_found_and_named(house: House, database: Database) -> None:
    house.quotas = ("account:x/@a|posts-hour|2026-11-21T14Z",)
    await house.hold(500)
    assert await house.ledger.disagreements() == ()
    admin = await database.connect()
    await admin.execute("UPDATE chimera.window_of_budget SET held_micros = 2 WHERE id LIKE 'account:%'")
    await admin.close()
    assert [(one.check, one.ledger_micros, one.books_micros) for one in await house.ledger.disagreements()] == [
        ("quota_held", 2, 1)
    ]


def test_a_receipt_is_one_receipt() -> None:
    assert revenue_id("invoice", "1", CAMPAIGN) == revenue_id("invoice", "1", CAMPAIGN)
    assert revenue_id("invoice", "1", CAMPAIGN) != revenue_id("invoice", "2", CAMPAIGN)
    assert ids.parse(revenue_id("x402", "é", CAMPAIGN))


@pytest.mark.requirement("R-B5", "R-A5")
async def test_what_payments_brought_back_is_said_without_adding_up_the_ledger(house: House) -> None:
    await house.capture(await house.hold(1_000), 1_000)
    await house.capture(await house.hold(3_000, OTHER), 2_000, parts={"tools": 700})
    await house.meter(50, OTHER)
    await house.receive("INV-1", 4_000)
    await house.receive("back", 100, source="refund", category="compute")
    everything = await house.ledger.outcomes()
    assert len(everything) == 2
    assert await house.ledger.outcomes("compute") == everything
    assert [one.campaign_id for one in await house.ledger.outcomes("tools")] == [OTHER]
    assert await house.ledger.outcomes("storage") == ()
