"""Quotas: which windows an act counts in, when each opens again, and who may change how many there are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chimera.domain.action import Action
from chimera.domain.agent import Account
from chimera.domain.budget import Window
from chimera.domain.caps import standing_micros
from chimera.domain.decision import Approver, Question
from chimera.domain.errors import Invalid, Refused
from chimera.domain.money import MICROS
from chimera.domain.quotas import PERIODS, PUBLISHED, unit_in
from chimera.domain.schedule import Schedule
from chimera.domain.task import Task
from chimera.governance.budgets import Budgets, amount_in_words, parse_cap
from chimera.governance.quotas import counted_in, in_words, opens_again_us, spans_now, spans_shown
from chimera.governance.treasury import Treasury
from tests.small_house import SPECS, SmallHouse, a_note, a_post

pytestmark = pytest.mark.requirement("R-E2", "R-C1")

BERLIN, LORD_HOWE = ZoneInfo("Europe/Berlin"), ZoneInfo("Australia/Lord_Howe")
OWNER, NOBODY = Approver("olga", "owner"), Approver("vera", "viewer")
NOON = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)


def us(moment: datetime) -> int:
    return round(moment.timestamp()) * MICROS


HOUSE = SmallHouse()
TASK = Task(
    id=HOUSE.ids.new(), campaign_id=HOUSE.campaign.id, agent_id="a", spec=SPECS["copy.post"].ref, key="a", input={},
    labels=("operator",),
)  # fmt: skip


def asked(action: Action, *, most: int | None = None) -> Question:
    return replace(HOUSE.question(TASK, action), posts_per_day_max=most)


def counted(question: Question, *known: str, at: datetime = NOON, zone: ZoneInfo = BERLIN) -> tuple[str, ...]:
    return counted_in(question, known=frozenset(known), treasury=Treasury(zone=zone), at_us=us(at))


# ── where ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_where_nobody_limits_anything_nothing_is_counted() -> None:
    assert counted(asked(a_post())) == ()
    assert counted(asked(a_note(), most=3), "fleet|calls-day") == ()


def test_a_post_counts_where_schedule_network_and_people_say_so() -> None:
    post = asked(replace(a_post(), platform="mastodon", account="@nova"), most=3)
    known = ("fleet|posts-hour", "platform:mastodon|calls-day", "platform:x|posts-day", "agent:b|posts-day",
             "agent:a|posts-day", "account:mastodon/@nova|calls-hour")  # fmt: skip
    found = counted(post, *known)
    assert set(found) == {
        "agent:a|posts-day|2026-11-21", "account:mastodon/@nova|posts-hour|2026-11-21T12Z",
        "account:mastodon/@nova|calls-hour|2026-11-21T12Z", "fleet|posts-hour|2026-11-21T12Z",
        "platform:mastodon|calls-day|2026-11-21",
    }  # fmt: skip
    assert len(found) == len(set(found))


def test_an_act_that_is_no_post_is_a_call() -> None:
    like = asked(replace(a_post(), kind="post.like", platform="mastodon", account="@nova"), most=0)
    assert counted(like, "fleet|posts-day", "fleet|calls-day") == (
        "account:mastodon/@nova|calls-hour|2026-11-21T12Z", "fleet|calls-day|2026-11-21",
    )  # fmt: skip


# ── when ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("window", "opens"), [
    ("agent:a|posts-day|2026-11-21", datetime(2026, 11, 21, 23, tzinfo=UTC)),
    # The day on which the clocks go back has 25 hours, that on which they go forward 23.
    ("agent:a|posts-day|2026-10-25", datetime(2026, 10, 25, 23, tzinfo=UTC)),
    ("agent:a|posts-day|2026-03-29", datetime(2026, 3, 29, 22, tzinfo=UTC)),
    ("account:x/a|b|calls-hour|2026-12-31T23Z", datetime(2027, 1, 1, 0, tzinfo=UTC)),
])  # fmt: skip
def test_a_window_opens_again_when_the_next_begins(window: str, opens: datetime) -> None:
    assert opens_again_us(window, zone=BERLIN) == us(opens)
    assert opens.astimezone(BERLIN).isoformat(timespec="minutes") in in_words(window, zone=BERLIN)


HOURS = st.integers(0, 15 * 366 * 24 * 2)


@given(half_hours=HOURS, zone=st.sampled_from((BERLIN, LORD_HOWE, ZoneInfo("UTC"))))
def test_windows_follow_one_another_without_gap(half_hours: int, zone: ZoneInfo) -> None:
    """At the moment at which a window is said to open, another one is counted in, and a second before not yet."""
    question = asked(a_post())
    known = tuple(f"fleet|{period}" for period in PERIODS)
    now = datetime(2020, 1, 1, 0, 17, tzinfo=UTC) + timedelta(minutes=30 * half_hours)
    for window in counted(question, *known, at=now, zone=zone):
        opens_us = opens_again_us(window, zone=zone)
        assert opens_us is not None and opens_us > us(now)
        opens = datetime.fromtimestamp(opens_us // MICROS, UTC)
        assert window not in counted(question, *known, at=opens, zone=zone)
        assert window in counted(question, *known, at=opens - timedelta(seconds=1), zone=zone)


def test_a_window_of_money_says_nothing_of_opening_again() -> None:
    assert opens_again_us("fleet|day|2026-11-21", zone=BERLIN) is None


def test_every_window_that_something_is_counted_in_is_shown_and_those_of_the_hour_before_are_not() -> None:
    question, known = asked(a_post()), tuple(f"fleet|{period}" for period in PERIODS)
    treasury = Treasury(zone=BERLIN)
    shown = spans_now(treasury, us(NOON))
    money = treasury.windows_for(agent_id="a", campaign_id="c", at_us=us(NOON))
    spans = {one.partition("|")[2] for one in (*money, *counted(question, *known))}
    assert spans == set(shown)
    before = counted(question, *known, at=NOON - timedelta(hours=1))
    assert {one.partition("|")[2] for one in before} - set(shown) == {
        "posts-hour|2026-11-21T11Z",
        "calls-hour|2026-11-21T11Z",
    }


def test_the_windows_of_a_day_that_is_named() -> None:
    treasury = Treasury(zone=BERLIN)
    assert spans_shown("2026-11-01", treasury, us(NOON))[:4] == (
        "day|2026-11-01", "week|2026-10-26", "month|2026-11-01", "total|total")  # fmt: skip
    assert spans_shown("", treasury, us(NOON)) == spans_now(treasury, us(NOON))
    for wrong in ("2026-02-30", "yesterday", "2026-11-01T00:00", "\x00"):
        with pytest.raises(Invalid, match="is not a day"):
            spans_shown(wrong, treasury, us(NOON))


def test_the_unit_of_a_window() -> None:
    units = {one: unit_in(f"fleet|{one}|s") for one in (*PERIODS, "day", "total")}
    assert units == {"posts-hour": "posts", "posts-day": "posts", "calls-hour": "calls", "calls-day": "calls",
                     "day": "", "total": ""}  # fmt: skip
    assert Window(id="account:x/a|b|calls-hour|s", cap_micros=1).unit == "calls"
    assert unit_in("nonsense") == unit_in("fleet|day") == ""


@pytest.mark.parametrize(("network", "period"), [(one, period) for one, of in PUBLISHED.items() for period in of])
def test_what_a_network_publishes_stands_for_its_accounts_alone(network: str, period: str) -> None:
    assert standing_micros(f"account:{network}/@a|{period}") == PUBLISHED[network][period]
    for other in (f"platform:{network}", "agent:a", "account:sandbox/a", f"account:{network}2/a"):
        assert standing_micros(f"{other}|{period}") is None


# ── how many ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("text", "period", "meant"), [
    ("20 posts", "day", ("posts-day", 20)), ("1 post", "hour", ("posts-hour", 1)), ("0 calls", "day", ("calls-day", 0)),
    ("12.50", "day", ("day", 12_500_000)), ("0", "week", ("week", 0)), ("0.00", "day", ("day", 0)),
])  # fmt: skip
def test_caps_as_people_write_them(text: str, period: str, meant: tuple[str, int]) -> None:
    assert parse_cap(text, period) == meant


@pytest.mark.parametrize("text", [
    "", " ", ".", "-1", "-1 posts", "1.5 posts", "NaN", "nan posts", "1e3 calls", "٣ posts", "20 likes", "20 posts now",
    "posts", "9" * 40 + " posts", "Infinity", "1e99999", "0.0000001", "1,5",
])  # fmt: skip
def test_what_is_no_amount_is_refused_by_name(text: str) -> None:
    with pytest.raises(Invalid):
        parse_cap(text, "day")


def test_amounts_in_words() -> None:
    assert [amount_in_words(1, "posts-day"), amount_in_words(300, "calls-hour"), amount_in_words(MICROS, "day")] == [
        "1 post", "300 calls", "1.00 USD",
    ]  # fmt: skip


@pytest.mark.parametrize(("scope", "period", "count"), [
    ("campaign:c", "posts-day", 1), ("tool:x", "calls-day", 1), ("category:x", "posts-day", 1),
    ("fleet", "posts-week", 1), ("fleet", "likes-day", 1), ("fleet", "posts-day", -1), ("fleet", "posts-day", 10**12),
    ("account:", "posts-day", 1), ("account:x/a", "day", 1),
])  # fmt: skip
async def test_what_is_no_quota_is_refused_by_name(scope: str, period: str, count: int) -> None:
    house = await SmallHouse().open()
    with pytest.raises(Invalid):
        await Budgets(store=house.office).set(scope, period=period, micros=count, by=OWNER)


async def test_to_count_at_all_is_to_lower_and_to_allow_more_takes_a_person_who_may() -> None:
    house = await SmallHouse().open()
    await house.change_agent(accounts=(Account(platform="threads", handle="@a"),))
    budgets = Budgets(store=house.office)
    assert (await budgets.set("platform:x", period="posts-day", micros=5, by=NOBODY)).micros == 5
    for more, scope in ((6, "platform:x"), (251, "account:threads/@a")):
        with pytest.raises(Refused, match="raising it is for"):
            await budgets.set(scope, period="posts-day", micros=more, by=NOBODY)
    assert (await budgets.set("account:threads/@a", period="posts-day", micros=250, by=NOBODY)).micros == 250


async def test_an_agents_schedule_counts_as_what_it_has() -> None:
    house = await SmallHouse().open()
    await house.change_agent(schedule=Schedule(posts_per_day_max=4))
    scope = f"agent:{house.agent.id}"
    with pytest.raises(Refused, match=r"has 4 posts: raising it is for"):
        await Budgets(store=house.office).set(scope, period="posts-day", micros=5, by=NOBODY)
    assert (await Budgets(store=house.office).set(scope, period="posts-day", micros=5, by=OWNER)).micros == 5
