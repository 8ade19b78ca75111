"""The rules of `ports.store` about quotas: windows that count posts or calls, refused like those of money."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from chimera.domain import quotas
from chimera.domain.budget import QUOTAS, Cap, Hold
from chimera.domain.errors import Refused
from chimera.domain.roles import Role
from chimera.domain.schedule import Schedule
from chimera.testing.store_samples import change
from chimera.testing.store_world import Bench, moving, outcome, tally

HOUR = "2026-11-21T14Z"
THREADS = "account:threads/@ada|posts-day|2026-11-21"


class QuotaRules:
    """A quota's window is a window: it holds, captures, gives back, and the store refuses."""

    @pytest.mark.requirement("R-E2", "R-C1")
    async def test_what_networks_publish_stands_from_the_beginning(self, bench: Bench) -> None:
        for network, periods in quotas.PUBLISHED.items():
            for period, most in periods.items():
                window = f"account:{network}/@a|b|{period}|{HOUR}"
                assert await outcome(bench.manager.commit(moving(window, hold=most + 1))) == "over_quota"
                await bench.move(window, hold=most)
        for other in (
            "account:sandbox/@a|posts-day",
            "account:x/@a|calls-day",
            "platform:x|posts-day",
            "agent:a|posts-day",
        ):
            with pytest.raises(Refused, match="no cap is set"):
                await bench.move(f"{other}|{HOUR}", hold=1)

    @pytest.mark.requirement("R-E2", "R-C1")
    async def test_an_agents_schedule_is_its_quota(self, bench: Bench) -> None:
        agent = bench.samples.agent()
        await bench.office.commit(change(replace(agent, schedule=Schedule(posts_per_day_max=2))))
        window = f"agent:{agent.id}|{quotas.AGENT_PERIOD}|2026-11-21"
        await bench.move(window, hold=2)
        with pytest.raises(Refused, match="has 0 posts left"):
            await bench.move(window, hold=1)
        await bench.office.commit(change(bench.samples.cap(f"agent:{agent.id}", quotas.AGENT_PERIOD, 3)))
        await bench.move(window, hold=1)

    @pytest.mark.requirement("R-E2")
    async def test_quotas_are_listed_apart_from_what_is_about_money(self, bench: Bench) -> None:
        quota = bench.samples.cap("platform:x", "calls-hour", 7)
        await bench.office.commit(change(quota))
        await bench.office.commit(change(bench.samples.cap("agent:a", "day", 7)))
        assert await bench.manager.list(Cap, scope=QUOTAS) == (quota,)

    @pytest.mark.requirement("R-E2")
    async def test_one_hold_takes_money_and_one_of_each_quota(self, bench: Bench) -> None:
        hold = replace(bench.samples.hold(("fleet|day|2026-11-21",), 100), quotas=(THREADS,))
        await bench.manager.commit(change(hold, movements=hold.opening()))
        await self.require(bench, held=1, spent=0)
        captured, movements = hold.captured(70)
        await bench.manager.commit(change(captured, movements=movements))
        await self.require(bench, held=0, spent=1)
        again = replace(bench.samples.hold((), 0), quotas=(THREADS,))
        await bench.manager.commit(change(again, movements=again.opening()))
        released, movements = again.released()
        await bench.manager.commit(change(released, movements=movements))
        await self.require(bench, held=0, spent=1)

    async def require(self, bench: Bench, *, held: int, spent: int) -> None:
        """What the window of the day's posts counts."""
        window = await bench.window(THREADS)
        assert window is not None
        assert (window.held_micros, window.spent_micros, window.overrun_micros) == (held, spent, 0)

    @pytest.mark.requirement("R-E2")
    async def test_without_a_post_left_no_money_is_held_either(self, bench: Bench) -> None:
        await bench.office.commit(change(bench.samples.cap("platform:x", "posts-day", 0)))
        hold = replace(bench.samples.hold(("fleet|day|2026-11-21",), 100), quotas=("platform:x|posts-day|2026-11-21",))
        with pytest.raises(Refused) as caught:
            await bench.manager.commit(change(hold, movements=hold.opening()))
        assert (caught.value.code, caught.value.where) == ("over_quota", hold.quotas[0])
        assert await bench.window("fleet|day|2026-11-21") is None
        assert await bench.manager.find(Hold, hold.id) is None

    @pytest.mark.requirement("R-E2")
    async def test_many_managers_at_once_never_exceed_a_quota(self, bench: Bench) -> None:
        await bench.office.commit(change(bench.samples.cap("platform:x", "calls-hour", 25)))
        stores = [await bench.world.open(f"manager-{number}", Role.MANAGER) for number in range(2, 6)]
        window = f"platform:x|calls-hour|{HOUR}"
        codes = await asyncio.gather(
            *(outcome(stores[number % 4].commit(moving(window, hold=1))) for number in range(40))
        )
        assert tally(codes) == {"": 25, "over_quota": 15}
