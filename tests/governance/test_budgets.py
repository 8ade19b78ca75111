"""Caps, windows over the changes of the clock, and breakers."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chimera.adapters.documents.governance import load_permits
from chimera.adapters.memory.store import MemoryStore
from chimera.domain.action import Action
from chimera.domain.agent import agent_id_of
from chimera.domain.budget import Cap, Movement
from chimera.domain.caps import standing_micros
from chimera.domain.change import Change
from chimera.domain.costing import PLATFORM_FEE, PLATFORM_FEE_MICROS, read_fees
from chimera.domain.decision import Allow, Approver, Decision, Deny, Escalate, Reason
from chimera.domain.errors import Conflict, Invalid, Missing, Refused
from chimera.domain.money import MICROS
from chimera.domain.roles import Role
from chimera.governance.budgets import TRIES, Budgets
from chimera.governance.halts import Halts
from chimera.governance.spending_breakers import BreakerReadings, SpendingBreakers
from chimera.governance.treasury import Treasury, paid_windows, stricter
from chimera.testing.store_samples import change
from tests.small_house import SmallHouse

BERLIN = ZoneInfo("Europe/Berlin")
OWNER, NOBODY = Approver("olga", "owner"), Approver("ned", "")


def at(text: str, fold: int = 0) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold).timestamp()) * 1_000_000


def starts(at_us: int) -> list[str]:
    return [
        key.rpartition("|")[2] for key in Treasury(zone=BERLIN).windows_for(agent_id="a", campaign_id="c", at_us=at_us)
    ]


# ── windows ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.requirement("R-E2")
@pytest.mark.parametrize(("day", "before", "after"), [
    ("2026-03-29", "2026-03-28T23:59:59", "2026-03-30T00:00:00"),
    ("2026-10-25", "2026-10-24T23:59:59", "2026-10-26T00:00:00"),
])  # fmt: skip
def test_a_day_on_which_the_clock_changes_is_one_day(day: str, before: str, after: str) -> None:
    inside = {starts(at(f"{day}T{hour:02d}:{minute:02d}:00", fold))[0]
              for hour in range(24) for minute in (0, 30, 59) for fold in (0, 1)}  # fmt: skip
    assert inside == {day}
    assert starts(at(before))[0] < day < starts(at(after))[0]


@pytest.mark.requirement("R-E2")
def test_weeks_and_months_begin_at_local_midnight() -> None:
    assert starts(at("2026-11-01T00:00:00"))[:3] == ["2026-11-01", "2026-10-26", "2026-11-01"]
    assert starts(at("2026-10-31T23:59:59"))[:3] == ["2026-10-31", "2026-10-26", "2026-10-01"]


@pytest.mark.requirement("R-E2")
def test_a_clock_that_is_set_back_opens_no_day_again() -> None:
    treasury = Treasury(zone=BERLIN)
    days = [treasury.day(at(f"2026-11-{day}T12:00:00")) for day in (20, 21, 20, 19, 21, 22)]
    assert days == [f"2026-11-{day}" for day in (20, 21, 21, 21, 21, 22)]
    moments = [at(f"2026-11-22T{clock}") for clock in ("12:20:00", "11:00:00", "12:21:00")]
    assert [treasury.latest_us(moment) for moment in moments] == [moments[0], at("2026-11-22T12:15:00"), moments[2]]


@pytest.mark.requirement("R-E2")
def test_a_payment_falls_into_the_windows_of_all_it_belongs_to() -> None:
    base = Treasury(zone=BERLIN).windows_for(agent_id="a", campaign_id="c", at_us=at("2026-11-21T12:00:00"))
    action = Action(kind="payment.send", platform="p", account="x", arguments={}, category="compute", recipient="farm")
    found = paid_windows(base, action=action, agent_id="a", campaign_id="c")
    heads = {key.rpartition("|")[0] for key in found}
    assert heads == {
        *(f"{owner}|{period}" for owner in ("fleet", "agent:a", "campaign:c", "category:compute", "recipient:farm")
          for period in ("day", "week", "month")), "campaign:c|total",
    }  # fmt: skip
    assert len(set(found)) == len(found)


@pytest.mark.requirement("R-E2")
@pytest.mark.parametrize(("key", "micros"), [
    ("agent:a|day", 10 * MICROS), ("agent:a|week", 70 * MICROS), ("category:x|day", 1_000 * MICROS),
    ("recipient:a|b|month", 20_000 * MICROS), ("campaign:c|day", 1_000 * MICROS), ("campaign:c|total", None),
    ("tool:x|day", None), ("agent:a", None), ("nonsense", None), ("platform:x|day", None),
])  # fmt: skip
def test_what_stands_where_nobody_set_a_cap(key: str, micros: int | None) -> None:
    assert standing_micros(key) == micros


# ── prices ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.requirement("R-E7", "R-L3")
def test_what_a_network_takes_is_decided_by_the_house_and_not_by_who_proposes() -> None:
    fees = read_fees("x=0.01, mastodon=0, *=0.002")
    post = Action(kind="post.publish", platform="x", account="a", arguments={}, cost_micros=7, category="storage")
    assert (fees.on(post).cost_micros, fees.on(post).category) == (10_000, PLATFORM_FEE)
    for platform, micros in (("mastodon", 0), ("nostr", 2_000)):
        assert fees.on(replace(post, platform=platform, kind="post.reply")).cost_micros == micros
    assert read_fees("").on(post).cost_micros == PLATFORM_FEE_MICROS
    paid = replace(post, kind="payment.send", recipient="farm")
    assert fees.on(paid) is paid, "what a payment costs is its amount"
    again = fees.on(post)
    assert fees.on(again) is again


@pytest.mark.requirement("R-E7")
@pytest.mark.parametrize("text", ["x", "=1", "x=-1", "x=NaN", "x=1,x=2", "x=0.0000001", "x=1e30", "x=."])
def test_what_is_no_fee_is_refused_by_name(text: str) -> None:
    with pytest.raises(Invalid):
        read_fees(text)


def own(house: SmallHouse) -> str:
    return f"agent:{house.agent.id}"


# ── caps ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.requirement("R-E2", "R-F2")
async def test_lowering_always_succeeds_and_raising_takes_a_person_who_may() -> None:
    house = await SmallHouse().open()
    budgets = Budgets(store=house.office)
    assert (await budgets.set(own(house), period="day", micros=5 * MICROS, by=NOBODY)).micros == 5 * MICROS
    for by in (NOBODY, Approver("rita", "reviewer")):
        with pytest.raises(Refused, match="raising it is for"):
            await budgets.set(own(house), period="day", micros=5 * MICROS + 1, by=by)
    assert (await budgets.set(own(house), period="day", micros=50 * MICROS, by=OWNER)).version == 2
    assert (await budgets.set(own(house), period="day", micros=0, by=NOBODY)).micros == 0


class Overtaken(MemoryStore):
    """An office before whose commits somebody else is quicker, a few times."""

    def __init__(self, house: SmallHouse, *micros: int) -> None:
        super().__init__(house.database, writer="office-9", role=Role.OFFICE, clock=house.clock)
        self._rival = Budgets(store=house.office)
        self._others = list(micros)
        self._own = own(house)

    async def commit(self, change: Change) -> None:
        if self._others:
            await self._rival.set(self._own, period="day", micros=self._others.pop(0), by=OWNER)
        await super().commit(change)


@pytest.mark.requirement("R-E2")
async def test_lowering_succeeds_also_while_others_set_the_same_cap() -> None:
    house = await SmallHouse().open()
    cap = await Budgets(store=Overtaken(house, 5, 7, 6)).set(own(house), period="day", micros=3, by=NOBODY)
    assert (cap.micros, cap.version) == (3, 4)


@pytest.mark.requirement("R-E2")
async def test_what_became_a_raise_meanwhile_is_refused() -> None:
    house = await SmallHouse().open()
    with pytest.raises(Refused, match="raising it is for"):
        await Budgets(store=Overtaken(house, 2)).set(own(house), period="day", micros=3, by=NOBODY)
    with pytest.raises(Conflict):
        await Budgets(store=Overtaken(house, *range(1, TRIES + 1))).set(own(house), period="day", micros=0, by=NOBODY)


@pytest.mark.requirement("R-E2")
async def test_a_cap_without_a_standing_one_is_a_raise() -> None:
    house = await SmallHouse().open()
    with pytest.raises(Refused, match="no cap"):
        await Budgets(store=house.office).set("fleet", period="total", micros=1, by=NOBODY)


@pytest.mark.requirement("R-E2")
async def test_lowering_closes_the_window_at_once() -> None:
    house = await SmallHouse().open()
    window = f"{own(house)}|day|2026-11-21"
    await house.manager.commit(change(movements=(Movement(windows=(window,), metered_micros=3),)))
    await Budgets(store=house.office).set(own(house), period="day", micros=2, by=NOBODY)
    with pytest.raises(Refused, match="has room for 0"):
        await house.manager.commit(change(movements=(Movement(windows=(window,), hold_micros=1),)))


@pytest.mark.requirement("R-E2")
@pytest.mark.parametrize(("scope", "period", "micros"), [
    ("mars", "day", 1), ("fleet", "fortnight", 1), ("fleet", "day", -1), ("fleet", "day", 10**18),
    ("platform:x", "day", 1), ("tool:x", "day", 1),
])  # fmt: skip
async def test_what_is_no_cap_is_refused_by_name(scope: str, period: str, micros: int) -> None:
    house = await SmallHouse().open()
    with pytest.raises(Invalid):
        await Budgets(store=house.office).set(scope, period=period, micros=micros, by=OWNER)


# ── decisions ───────────────────────────────────────────────────────────────────────────────────────────────────────

_WHY = (Reason("r", "t"),)
_DECISIONS: list[Decision] = [Allow(_WHY), Escalate(_WHY), Escalate(_WHY, "operator"), Deny(_WHY)]


@pytest.mark.requirement("R-N1")
@given(st.sampled_from(_DECISIONS), st.sampled_from(_DECISIONS))
def test_of_two_decisions_the_stricter_counts(first: Decision, second: Decision) -> None:
    rank = [Allow, Escalate, Deny]
    found = stricter(first, second)
    assert rank.index(type(found)) == max(rank.index(type(first)), rank.index(type(second)))
    if isinstance(first, Escalate) and isinstance(second, Escalate) and "operator" in (first.role, second.role):
        assert isinstance(found, Escalate) and found.role == "operator"


# ── breakers ────────────────────────────────────────────────────────────────────────────────────────────────────────


def breakers_of(house: SmallHouse) -> tuple[BreakerReadings, SpendingBreakers]:
    readings = BreakerReadings(reads=house.office, treasury=Treasury(), clock=house.clock)
    return readings, SpendingBreakers(
        readings=readings, reads=house.office, halts=Halts(store=house.office, ids=house.ids, permits=load_permits())
    )


async def spend(house: SmallHouse, limited: str, micros: int) -> None:
    day = Treasury().windows_for(agent_id="", campaign_id="", at_us=house.clock.now_us())[0].rpartition("|")[2]
    await house.manager.commit(change(movements=(Movement(windows=(f"{limited}|day|{day}",), metered_micros=micros),)))


@pytest.mark.requirement("R-E5")
async def test_beyond_one_and_a_half_times_the_days_limit_everything_stops() -> None:
    house = await SmallHouse().open()
    readings, breakers = breakers_of(house)
    await spend(house, "agent:a", 15 * MICROS)
    assert await breakers.once() == ()
    assert [(one.scope, one.spent_bp) for one in await readings.readings()] == [("agent:a", 15_000)]
    await spend(house, "agent:a", 1)
    await spend(house, "agent:a", MICROS)
    assert [halt.halted for halt in await breakers.once()] == ["agent:a"]
    await spend(house, "fleet", 1_501 * MICROS)
    made = await breakers.once()
    assert [halt.halted for halt in made] == ["fleet"]
    assert made[0].reason.startswith("emergency") and made[0].by == "breaker:spending"
    assert await breakers.once() == ()
    with pytest.raises(Refused, match="halted"):
        await house.manager.commit(change(note="x", begins_in=("fleet",)))


@pytest.mark.requirement("R-E5")
async def test_too_much_within_minutes_stops_the_fleet() -> None:
    house = await SmallHouse().open()
    _, breakers = breakers_of(house)
    for _ in range(4):
        await spend(house, "fleet", 60 * MICROS)
        assert await breakers.once() == ()
        house.clock.advance(360)
    await spend(house, "fleet", 100 * MICROS)
    assert await breakers.once() == ()
    await spend(house, "fleet", 260 * MICROS)
    assert [halt.reason.partition(":")[0] for halt in await breakers.once()] == ["velocity"]


@pytest.mark.requirement("R-E5")
async def test_a_lowered_limit_is_no_emergency() -> None:
    house = await SmallHouse().open()
    _, breakers = breakers_of(house)
    await spend(house, own(house), 9 * MICROS)
    await Budgets(store=house.office).set(own(house), period="day", micros=0, by=NOBODY)
    assert await breakers.once() == ()


@pytest.mark.requirement("R-E2")
async def test_a_cap_on_a_category_that_nothing_is_counted_in_is_refused() -> None:
    house = await SmallHouse().open()
    for category in ("nothing-known", "Compute", "model", "publishing"):
        with pytest.raises(Invalid, match="no money is counted") as refused:
            await Budgets(store=house.office).set(f"category:{category}", period="day", micros=1, by=OWNER)
        assert refused.value.code == "cap_of_nothing"
    assert (await Budgets(store=house.office).set(f"category:{PLATFORM_FEE}", period="day", micros=1, by=OWNER)).micros


@pytest.mark.requirement("R-E2")
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("0x3C44CdDdB6a900fa2b585dd299e03d12FA4293Bc", "address_checksum"),
        ("0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc", "address_checksum"),
        ("0x3C44CdDdB6а900fa2b585dd299e03d12FA4293BC", "address_homoglyph"),
        ("0x3C44", "address_malformed"),
        (" render-farm", "recipient_malformed"),
        ("pаypal", "recipient_mixes_alphabets"),
    ],
)
async def test_a_cap_for_whom_no_payment_can_go_to_is_refused(name: str, code: str) -> None:
    house = await SmallHouse().open()
    budgets = Budgets(store=house.office)
    before = await house.office.list(Cap)
    with pytest.raises(Invalid) as refused:
        await budgets.set(f"recipient:{name}", period="day", micros=1, by=OWNER)
    assert refused.value.code == code
    assert refused.value.remedy
    assert await house.office.list(Cap) == before
    if code == "recipient_mixes_alphabets":
        assert (await budgets.set(f"recipient:{name}", period="day", micros=0, by=OWNER)).micros == 0


@pytest.mark.requirement("R-E2")
async def test_a_cap_for_what_does_not_exist_is_refused_and_a_name_is_understood() -> None:
    house = await SmallHouse().open()
    budgets = Budgets(store=house.office)
    before = await house.office.list(Cap)
    for scope, period in (
        ("agent:nobody", "day"), (f"agent:{house.ids.new()}", "day"), ("campaign:none", "day"),
        (f"campaign:{house.ids.new()}", "total"), ("platform:nowhere", "calls-hour"),
        ("account:sandbox/@nobody", "posts-day"), ("agent:nobody", "posts-day"),
    ):  # fmt: skip
        with pytest.raises(Missing) as refused:
            await budgets.set(scope, period=period, micros=1, by=OWNER)
        assert refused.value.code in ("scope_of_nothing", "agent_unknown")
    assert await house.office.list(Cap) == before
    account = house.agent.accounts[0]
    await house.put(replace(house.agent, id=agent_id_of("grace"), name="grace"))
    for scope, period in (
        ("agent:grace", "day"), (own(house), "day"), (f"campaign:{house.campaign.id}", "day"),
        ("platform:x", "calls-day"),
        (f"account:{account.platform}/{account.handle}", "posts-day"),
    ):  # fmt: skip
        cap = await budgets.set(scope, period=period, micros=1, by=OWNER)
        assert cap.limited == (f"agent:{agent_id_of('grace')}" if scope == "agent:grace" else scope)
