"""Who waits begins; what computes is left for the end, where it can be shared."""

from __future__ import annotations

import pytest

from tests.order import arranged


@pytest.mark.requirement("R-M1")
@pytest.mark.parametrize("workers", [2, 3, 4])
def test_the_first_worker_begins_with_fleets_and_the_last_with_chains(workers: int) -> None:
    items = [kind for kind in ("fleet", "rest", "chain") for _ in range(10 if kind != "rest" else 100)]
    found = arranged(items, is_fleet="fleet".__eq__, is_chain="chain".__eq__, is_long="long".__eq__, workers=workers)
    assert sorted(found) == sorted(items)
    begins = len(items) * (workers - 1) // workers
    assert found[:10] == ["fleet"] * 10
    assert found[begins : begins + 10] == ["chain"] * 10


@pytest.mark.parametrize("workers", [3, 4])
def test_one_between_them_begins_with_what_takes_long(workers: int) -> None:
    """A rehearsal of eighteen weeks that was begun last was what all others waited for."""
    items = [kind for kind in ("fleet", "rest", "long", "chain") for _ in range(10 if kind != "rest" else 100)]
    found = arranged(items, is_fleet="fleet".__eq__, is_chain="chain".__eq__, is_long="long".__eq__, workers=workers)
    assert sorted(found) == sorted(items)
    stretches = [len(items) * number // workers for number in range(workers)]
    assert [found[begins] for begins in stretches] == ["fleet", *["rest"] * (workers - 3), "long", "chain"]


def test_one_or_two_workers_go_through_what_waits_and_what_takes_long_first() -> None:
    items = ["rest", "rest", "chain", "fleet", "long", "rest"]
    for workers, expected in (
        (1, ["fleet", "long", "chain", "rest", "rest", "rest"]),
        (2, ["fleet", "rest", "rest", "long", "chain", "rest"]),
    ):
        found = arranged(
            items, is_fleet="fleet".__eq__, is_chain="chain".__eq__, is_long="long".__eq__, workers=workers
        )
        assert found == expected


def test_what_waits_and_takes_long_is_there_once() -> None:
    found = arranged([1, 2], is_fleet=lambda _: True, is_chain=lambda _: True, is_long=lambda _: True, workers=3)
    assert found == [1, 2]


def test_where_nothing_waits_the_order_stays() -> None:
    found = arranged([3, 1, 2], is_fleet=lambda _: False, is_chain=lambda _: False, is_long=lambda _: False, workers=3)
    assert found == [3, 1, 2]
