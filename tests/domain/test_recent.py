"""Of so many the newest: whatever is set, read and removed, in whatever order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera.domain.recent import Recent

pytestmark = pytest.mark.requirement("R-A5")

STEPS = st.lists(st.tuples(st.sampled_from(("set", "read", "take", "default")), st.integers(0, 9)), max_size=60)


def test_beyond_so_many_the_oldest_goes() -> None:
    kept = Recent[str, int](2)
    for number, key in enumerate("abc"):
        kept[key] = number
    assert dict(kept) == {"b": 1, "c": 2}


def test_who_is_set_again_is_new_again_and_who_is_read_is_not() -> None:
    kept = Recent[str, int](2)
    kept["a"], kept["b"] = 1, 1
    kept["a"] += 1
    assert kept["b"] == 1
    kept["c"] = 1
    assert dict(kept) == {"a": 2, "c": 1}


def test_who_is_read_stays_where_the_reader_says_so() -> None:
    kept = Recent[str, int](2)
    kept["a"], kept["b"] = 1, 1
    kept.move_to_end("a")
    kept["c"] = 1
    assert list(kept) == ["a", "c"]


def test_many_at_once_are_no_more_than_one_by_one() -> None:
    kept = Recent[int, None](3)
    kept.update(dict.fromkeys(range(9)))
    assert list(kept) == [6, 7, 8]


@given(STEPS, st.integers(1, 5))
def test_it_is_a_list_of_keys_cut_at_the_front(steps: list[tuple[str, int]], entries_max: int) -> None:
    kept, order = Recent[int, int](entries_max), list[int]()
    for step, (verb, key) in enumerate(steps):
        match verb:
            case "set":
                kept[key] = step
            case "default":
                kept.setdefault(key, step)
            case "take":
                kept.pop(key, None)
            case _:
                kept.get(key)
        if verb == "take" or verb == "set":
            order = [one for one in order if one != key]
        if verb == "set" or (verb == "default" and key not in order):
            order = [*order, key][-entries_max:]
        assert list(kept) == order
