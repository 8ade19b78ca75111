"""Tasks: a dependent opens when the last of its dependencies is done, and collects what they made and their labels."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chimera.domain.errors import Refused
from chimera.domain.spec import SpecRef
from chimera.domain.task import Task, TaskState

pytestmark = pytest.mark.requirement("R-A1", "R-N2")


def waiting(count: int) -> Task:
    return Task(
        id="0", campaign_id="c", agent_id="a", spec=SpecRef("x", 1, ""), key="k", input={}, labels=("operator",),
        pending=count,
    )  # fmt: skip


@given(st.lists(st.sampled_from(["public", "operator", "tool:web"]), min_size=1, max_size=6))
def test_it_opens_with_the_last_and_keeps_every_label(labels: list[str]) -> None:
    task = waiting(len(labels))
    for number, label in enumerate(labels):
        assert task.state is TaskState.WAITING
        task = task.opened_by(f"attempt-{number}", (label,))
    assert task.state is TaskState.READY
    assert task.pending == 0
    assert set(task.labels) == {"operator", *labels}
    assert task.sources == tuple(f"attempt-{number}" for number in range(len(labels)))
    assert task.version == 1 + len(labels)


def test_it_is_not_opened_again() -> None:
    with pytest.raises(Refused, match="cannot open"):
        waiting(1).opened_by("a", ()).opened_by("b", ())


@pytest.mark.requirement("R-A4")
def test_what_was_granted_and_is_worked_on_again_has_lost_no_lease() -> None:
    """It was handed in: whatever ended those who had it before, it was not this task."""
    granted = replace(waiting(1), state=TaskState.GRANTED, leases_lost=7)
    assert (granted.again().state, granted.again().leases_lost) == (TaskState.READY, 0)
