"""Of several attempts at a task the latest counts; their ids are hashes, and in no order of time."""

from __future__ import annotations

import random

from msgspec.structs import replace

from chimera.domain.attempt import Attempt, attempt_id, in_turn, latest
from tests.small_house import SmallHouse
from tests.small_work import assign, draft, judgement


async def test_the_latest_is_the_one_of_the_last_lease() -> None:
    house = await SmallHouse().open()
    task = await house.a_task()
    made = [
        Attempt(id=attempt_id(at), assignment=assign(at, house.agent), draft=draft(f"draft {version}"),
                verdict=judgement().verdict)
        for version in range(2, 12) for at in (replace(task, version=version),)
    ]  # fmt: skip
    by_id = sorted(made, key=lambda attempt: attempt.id)
    assert by_id != made, "as a store lists them"
    assert in_turn(by_id) == tuple(made)
    for _ in range(5):
        random.shuffle(by_id)
        assert latest(by_id) == made[-1]
    assert latest(()) is None
