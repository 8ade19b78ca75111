"""Every rule of `ports.hot` as a test. A subclass brings the fixture `hot`, whose pulses live `LIFETIME_SECONDS`."""

from __future__ import annotations

import asyncio

from chimera.ports.hot import HotState, Pulse, Status

LIFETIME_SECONDS = 0.4


class HotConformance:
    """All the rules, on the hot state of the subclass."""

    async def test_the_last_pulse_of_each_agent_is_kept(self, hot: HotState) -> None:
        """Many at once, some twice; who never beat is not there."""
        await hot.beat(
            [Pulse(agent_id=str(one), status=Status.WORKING, task_id="t", at_us=one) for one in range(2_500)]
        )
        await hot.beat((Pulse(agent_id="7", status=Status.IDLE, at_us=9),))
        found = await hot.look(("7", "2499", "nobody"))
        assert found == {
            "7": Pulse(agent_id="7", status=Status.IDLE, at_us=9),
            "2499": Pulse(agent_id="2499", status=Status.WORKING, task_id="t", at_us=2_499),
        }
        assert await hot.look(()) == {}

    async def test_a_pulse_that_is_not_renewed_dies(self, hot: HotState) -> None:
        """Who is silent is not shown as busy."""
        await hot.beat((Pulse(agent_id="a", status=Status.WORKING),))
        await asyncio.sleep(2 * LIFETIME_SECONDS)
        assert await hot.look(("a",)) == {}

    async def test_one_builds_it_and_the_next_one_only_when_that_takes_too_long_or_all_is_lost_again(
        self, hot: HotState
    ) -> None:
        """A hundred managers find it empty at once; who builds may die."""
        assert [await hot.may_build(seconds=0.2) for _ in range(3)] == [True, False, False]
        await asyncio.sleep(0.25)
        assert await hot.may_build(seconds=9.0)
        await hot.begin({})
        assert await hot.may_build(seconds=9.0)

    async def test_counters_add_up_from_where_they_began(self, hot: HotState) -> None:
        """What was counted before the beginning does not count."""
        await hot.count({"working": 5})
        assert not await hot.is_whole()
        await hot.begin({"working": 2})
        await hot.count({"working": 3, "idle": 1})
        await hot.count({})
        assert await hot.counters() == {"working": 5, "idle": 1}
        assert await hot.is_whole()
