"""The rules of `ports.store` about budget windows: no hold without room, metered cost never refused, caps lowered."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from chimera.domain.budget import AGENT_DAY_CAP_MICROS, FLEET_CAPS_MICROS, Cap, Hold, Movement, Window
from chimera.domain.errors import Invalid, Refused
from chimera.domain.record import next_version
from chimera.domain.roles import Role
from chimera.testing.store_samples import change
from chimera.testing.store_world import Bench, moving, outcome, tally

FLEET_DAY = "fleet|day|2026-11-21"
AGENT_DAY = "agent:0193|day|2026-11-21"
DAY_MICROS = FLEET_CAPS_MICROS["day"]


class MoneyRules:
    """What a window says is what `domain.budget` says."""

    @pytest.mark.requirement("R-E2")
    async def test_the_caps_of_the_fleet_stand_from_the_beginning(self, bench: Bench) -> None:
        caps = {cap.key: cap for cap in await bench.office.list(Cap)}
        assert {key: (cap.micros, cap.version) for key, cap in caps.items()} == {
            "fleet|day": (1_000_000_000, 1),
            "fleet|week": (5_000_000_000, 1),
            "fleet|month": (20_000_000_000, 1),
        }

    @pytest.mark.requirement("R-E2")
    async def test_a_window_is_made_at_first_use(self, bench: Bench) -> None:
        assert await bench.manager.windows() == ()
        await bench.move(FLEET_DAY, hold=5)
        await bench.move(AGENT_DAY, hold=6)
        assert await bench.manager.windows() == (
            Window(id=AGENT_DAY, cap_micros=AGENT_DAY_CAP_MICROS, held_micros=6),
            Window(id=FLEET_DAY, cap_micros=DAY_MICROS, held_micros=5),
        )
        assert await bench.manager.windows((FLEET_DAY, "none")) == (await bench.window(FLEET_DAY),)

    @pytest.mark.requirement("R-E2")
    async def test_windows_are_found_by_span_and_by_how_much_of_them_is_gone(self, bench: Bench) -> None:
        await bench.move(FLEET_DAY, hold=7)
        await bench.move(AGENT_DAY, metered=AGENT_DAY_CAP_MICROS // 2)
        await bench.move("agent:0193|week|2026-11-21", metered=1)
        assert [one.id for one in await bench.manager.windows_of("day|2026-11-21")] == [AGENT_DAY, FLEET_DAY]
        assert [one.id for one in await bench.manager.windows_of("day|2026-11-21", gone_bp_min=5_000)] == [AGENT_DAY]
        assert await bench.manager.windows_of("day|2026-11-21", gone_bp_min=5_001) == ()
        await bench.move(AGENT_DAY, metered=AGENT_DAY_CAP_MICROS)
        for gone_bp_min in (10_000, 10_001, 15_000):
            beyond = await bench.manager.windows_of("day|2026-11-21", gone_bp_min=gone_bp_min)
            assert [one.id for one in beyond] == [AGENT_DAY], gone_bp_min
        assert await bench.manager.windows_of("day|2026-11-21", gone_bp_min=15_001) == ()
        assert await bench.manager.windows_of("day|2026-11-22") == await bench.manager.windows_of("2026-11-21") == ()

    @pytest.mark.requirement("R-E2")
    async def test_windows_of_some_spans_come_in_pages(self, bench: Bench) -> None:
        spans = ("day|2026-11-21", "week|2026-11-16")
        named = [f"agent:a{n:02d}|{span}" for n in range(5) for span in (*spans, "day|2026-11-20")]
        await bench.manager.commit(change(movements=tuple(Movement(windows=(one,), hold_micros=1) for one in named)))
        wanted = sorted(one for one in named if not one.endswith("-20"))
        found: list[str] = []
        while page := await bench.manager.windows_page(spans, after=found[-1] if found else "", limit=3):
            assert len(page) <= 3
            found += [one.id for one in page]
        assert found == wanted
        one = await bench.manager.windows_page(spans, scope="agent:a03|")
        assert [window.id for window in one] == [name for name in wanted if name.startswith("agent:a03|")]
        assert one[0].held_micros == 1
        assert await bench.manager.windows_page((), scope="agent:") == ()
        assert await bench.manager.windows_page(spans, scope="fleet") == ()

    @pytest.mark.requirement("R-E2")
    async def test_where_nobody_set_a_cap_nothing_may_be_held(self, bench: Bench) -> None:
        for window_id in ("agent:0193|hour|2026-W47", "campaign:0193|total|-", "nonsense", "agent:a|day"):
            with pytest.raises(Refused, match="no cap is set"):
                await bench.move(window_id, hold=1)
        assert await bench.manager.windows() == ()

    @pytest.mark.requirement("R-E2")
    async def test_a_hold_without_room_is_refused_whole(self, bench: Bench) -> None:
        await bench.move(FLEET_DAY, hold=DAY_MICROS - 5)
        task = bench.samples.task()
        movements = (Movement(windows=(AGENT_DAY,), hold_micros=6), Movement(windows=(FLEET_DAY,), hold_micros=6))
        with pytest.raises(Refused, match="has room for 5 micros, 6 were asked for"):
            await bench.manager.commit(change(task, movements=movements))
        assert await bench.manager.find(type(task), task.id) is None
        assert await bench.window(AGENT_DAY) is None
        await bench.move(FLEET_DAY, hold=5)

    @pytest.mark.requirement("R-E2")
    async def test_sixty_four_at_once_never_overspend_a_window(self, bench: Bench) -> None:
        stores = [await bench.world.open(f"manager-{number}", Role.MANAGER) for number in range(2, 6)]
        tasks = [(stores[number % 4], moving(AGENT_DAY, hold=AGENT_DAY_CAP_MICROS // 50)) for number in range(64)]
        codes = await asyncio.gather(*(outcome(store.commit(each)) for store, each in tasks))
        assert tally(codes) == {"": 50, "over_budget": 14}
        window = await bench.window(AGENT_DAY)
        assert window is not None
        assert (window.held_micros, window.overrun_micros) == (AGENT_DAY_CAP_MICROS, 0)

    @pytest.mark.requirement("R-E2")
    async def test_holds_are_admitted_in_the_order_of_the_batch(self, bench: Bench) -> None:
        amounts = [DAY_MICROS - 10, 8, 4, 2, 1]
        codes = await asyncio.gather(
            *(outcome(bench.manager.commit(moving(FLEET_DAY, hold=amount))) for amount in amounts)
        )
        assert codes == ["", "", "over_budget", "", "over_budget"]

    @pytest.mark.requirement("R-E2")
    async def test_a_hold_is_captured_or_released(self, bench: Bench) -> None:
        first, second = (bench.samples.hold((FLEET_DAY, AGENT_DAY), 100) for _ in range(2))
        for hold in (first, second):
            await bench.manager.commit(change(hold, movements=hold.opening()))
        captured, movements = first.captured(70)
        await bench.manager.commit(change(captured, movements=movements))
        released, movements = second.released()
        await bench.manager.commit(change(released, movements=movements))
        for window_id in (FLEET_DAY, AGENT_DAY):
            window = await bench.window(window_id)
            assert window is not None
            assert (window.held_micros, window.spent_micros, window.overrun_micros) == (0, 70, 0)
        assert await bench.manager.count(Hold) == {"captured": 1, "released": 1}

    @pytest.mark.requirement("R-E2")
    async def test_what_is_held_and_spent_at_once_needs_its_room(self, bench: Bench) -> None:
        """As it is where an act stays in the house: nothing is set aside in between, and the cap holds all the same."""
        await bench.move(AGENT_DAY, hold=50, release=50, metered=50)
        most = AGENT_DAY_CAP_MICROS - 49
        assert (
            await outcome(bench.manager.commit(moving(AGENT_DAY, hold=most, release=most, metered=most)))
            == "over_budget"
        )
        await bench.move(AGENT_DAY, hold=most - 1, release=most - 1, metered=most - 1)
        window = await bench.window(AGENT_DAY)
        assert window is not None
        assert (window.held_micros, window.spent_micros, window.overrun_micros) == (0, AGENT_DAY_CAP_MICROS, 0)

    @pytest.mark.requirement("R-E2")
    async def test_metered_cost_beyond_the_room_is_overrun_and_closes_the_window(self, bench: Bench) -> None:
        await bench.move(AGENT_DAY, hold=AGENT_DAY_CAP_MICROS - 30)
        await bench.move(AGENT_DAY, metered=50)
        window = await bench.window(AGENT_DAY)
        assert window is not None
        assert (window.spent_micros, window.overrun_micros, window.room_micros) == (30, 20, 0)
        assert await outcome(bench.manager.commit(moving(AGENT_DAY, hold=1))) == "over_budget"
        await bench.move(AGENT_DAY, metered=5)
        await bench.move(AGENT_DAY, release=100)
        window = await bench.window(AGENT_DAY)
        assert window is not None
        assert (window.overrun_micros, window.room_micros) == (25, 75)

    @pytest.mark.requirement("R-E2")
    async def test_many_movements_of_one_window_in_one_batch_are_all_counted(self, bench: Bench) -> None:
        changes = [moving(FLEET_DAY, hold=3) for _ in range(100)] + [moving(FLEET_DAY, metered=2) for _ in range(100)]
        codes = await asyncio.gather(*(outcome(bench.manager.commit(each)) for each in changes))
        assert tally(codes) == {"": 200}
        window = await bench.window(FLEET_DAY)
        assert window is not None
        assert (window.held_micros, window.spent_micros) == (300, 200)

    @pytest.mark.requirement("R-E2")
    async def test_one_change_moves_one_window_several_times_in_order(self, bench: Bench) -> None:
        movements = (
            Movement(windows=(AGENT_DAY,), hold_micros=AGENT_DAY_CAP_MICROS),
            Movement(windows=(AGENT_DAY,), release_micros=AGENT_DAY_CAP_MICROS),
            Movement(windows=(AGENT_DAY,), hold_micros=AGENT_DAY_CAP_MICROS, release_micros=1),
        )
        await bench.manager.commit(change(movements=movements))
        window = await bench.window(AGENT_DAY)
        assert window is not None
        assert window.room_micros == 1

    @pytest.mark.requirement("R-E2")
    async def test_malformed_amounts_are_invalid(self, bench: Bench) -> None:
        await bench.move(FLEET_DAY, hold=10)
        for amounts in (
            {"hold": -1},
            {"release": -1},
            {"metered": -1},
            {"release": 11},
            {"hold": 2**80},
            {"metered": 2**63},
        ):
            with pytest.raises(Invalid):
                await bench.move(FLEET_DAY, **amounts)
        assert (await bench.window(FLEET_DAY)) == Window(id=FLEET_DAY, cap_micros=DAY_MICROS, held_micros=10)

    @pytest.mark.requirement("R-E2")
    async def test_malformed_caps_are_invalid(self, bench: Bench) -> None:
        for micros in (-1, 2**63, 2**80):
            with pytest.raises(Invalid):
                await bench.office.commit(change(bench.samples.cap("agent:a", "day", micros)))
        with pytest.raises(Invalid):
            await bench.office.commit(change(bench.samples.cap("agent:" + "a" * 500, "day", 1)))
        await bench.office.commit(change(bench.samples.cap("agent:a", "day", 0)))
        assert await outcome(bench.manager.commit(moving("agent:a|day|1", hold=1))) == "over_budget"

    @pytest.mark.requirement("R-E2")
    async def test_only_roles_that_decide_move_money(self, bench: Bench) -> None:
        for store in (bench.office, bench.effects):
            assert await outcome(store.commit(moving(FLEET_DAY, hold=1))) == "write_not_permitted"
        assert await bench.manager.windows() == ()

    @pytest.mark.requirement("R-E2")
    async def test_a_raised_cap_gives_room_at_once(self, bench: Bench) -> None:
        await bench.move(AGENT_DAY, hold=AGENT_DAY_CAP_MICROS)
        await bench.office.commit(change(bench.samples.cap("agent:0193", "day", AGENT_DAY_CAP_MICROS + 7)))
        window = await bench.window(AGENT_DAY)
        assert window is not None
        assert window.room_micros == 7
        await bench.move("agent:0193|day|2026-11-22", hold=AGENT_DAY_CAP_MICROS + 7)

    @pytest.mark.requirement("R-E2")
    async def test_a_lowered_cap_closes_the_window_and_stays_closed(self, bench: Bench) -> None:
        cap = bench.samples.cap("agent:0193", "day", 100)
        await bench.office.commit(change(cap))
        await bench.move(AGENT_DAY, hold=80)
        await bench.move(AGENT_DAY, metered=10)
        await bench.office.commit(change(replace(next_version(cap), micros=20)))
        assert await bench.window(AGENT_DAY) == Window(id=AGENT_DAY, cap_micros=90, held_micros=80, spent_micros=10)
        assert await outcome(bench.manager.commit(moving(AGENT_DAY, hold=1))) == "over_budget"
        # What was held may still be spent; what is given back does not make room above the new cap.
        await bench.move(AGENT_DAY, release=30, metered=20)
        assert await bench.window(AGENT_DAY) == Window(id=AGENT_DAY, cap_micros=80, held_micros=50, spent_micros=30)
        await bench.move(AGENT_DAY, release=50)
        window = await bench.window(AGENT_DAY)
        assert window is not None
        assert (window.cap_micros, window.room_micros) == (30, 0)

    @pytest.mark.requirement("R-E2")
    async def test_lowering_and_holding_at_once_end_within_the_cap(self, bench: Bench) -> None:
        cap = bench.samples.cap("agent:0193", "day", 1_000)
        await bench.office.commit(change(cap))
        holds = [outcome(bench.manager.commit(moving(AGENT_DAY, hold=10))) for _ in range(60)]
        codes = await asyncio.gather(
            *holds[:30], outcome(bench.office.commit(change(replace(next_version(cap), micros=200)))), *holds[30:]
        )
        window = await bench.window(AGENT_DAY)
        assert window is not None
        assert window.held_micros == 10 * (tally(codes)[""] - 1)
        assert window.cap_micros == max(200, window.held_micros)
        assert await outcome(bench.manager.commit(moving(AGENT_DAY, hold=191))) == "over_budget"

    @pytest.mark.requirement("R-E2")
    async def test_one_cap_stands_for_a_scope_and_a_period(self, bench: Bench) -> None:
        cap = bench.samples.cap("agent:0193", "day", 5)
        rival = Cap(id=bench.samples.id(), limited="agent:0193", period="day", micros=50)
        await bench.office.commit(change(cap))
        assert await outcome(bench.office.commit(change(rival))) == "record_stale"
        assert await outcome(bench.office.commit(change(replace(next_version(cap), limited="fleet")))) == "record_stale"
        assert await outcome(bench.manager.commit(moving(AGENT_DAY, hold=6))) == "over_budget"
