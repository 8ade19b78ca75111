"""Who waits begins; what computes is left for the end, where it can be shared."""

from __future__ import annotations

import pytest

from tests.order import arranged


@pytest.mark.requirement("R-M1")
@pytest.mark.parametrize("workers", [2, 3, 4])
def test_the_first_worker_begins_with_fleets_and_the_last_with_chains(workers: int) -> None:
    items = [kind for kind in ("fleet", "rest", "chain") for _ in range(10 if kind != "rest" else 100)]
    found = arranged(items, is_fleet="fleet".__eq__, is_chain="chain".__eq__, workers=workers)
    assert sorted(found) == sorted(items)
    begins = len(items) * (workers - 1) // workers
    assert found[:10] == ["fleet"] * 10
    assert found[begins : begins + 10] == ["chain"] * 10


def test_one_worker_goes_through_what_waits_first() -> None:
    found = arranged(["rest", "chain", "fleet"], is_fleet="fleet".__eq__, is_chain="chain".__eq__, workers=1)
    assert found == ["fleet", "chain", "rest"]


def test_where_nothing_waits_the_order_stays() -> None:
    assert arranged([3, 1, 2], is_fleet=lambda _: False, is_chain=lambda _: False, workers=3) == [3, 1, 2]
