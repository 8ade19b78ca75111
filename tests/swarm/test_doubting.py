"""What workers say of the gateway stands under our own name where it is away for us too, and under theirs otherwise."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from chimera.domain.work import GATEWAY_AWAY, Assignment, Result
from chimera.swarm.doubting import LOOKED_AT_US, DoubtingDispatch
from tests.small_house import SmallHouse

pytestmark = pytest.mark.requirement("R-A7")
SAID = Result(task_id="t", task_version=2, failure=f"gateway: it does not answer {GATEWAY_AWAY}", worker="one")
OTHER = Result(task_id="u", task_version=2, failure="the skill broke", worker="one")


class Saying:
    """Implements `ports.dispatch.Dispatch`: says this at once, as often as it is asked."""

    room = 3

    async def send(self, assignments: Sequence[Assignment]) -> None:
        """To nobody."""

    async def results(self) -> tuple[Result, ...]:
        return SAID, OTHER

    async def close(self) -> None:
        """Nothing is held open."""


async def test_only_what_our_own_line_bears_out_is_our_word() -> None:
    house = await SmallHouse().open()
    stands = [True, False]

    async def answers() -> bool:
        return stands.pop(0)

    doubting = DoubtingDispatch(Saying(), answers, house.clock)
    for _ in range(2):
        assert [one.worker for one in await doubting.results()] == ["one", "one"], "it answers us"
    house.clock.advance(LOOKED_AT_US / 1_000_000)
    assert [one.worker for one in await doubting.results()] == ["", "one"]
    assert stands == [], "looked at twice, not for every result"
