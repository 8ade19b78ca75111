"""Labels come from what a lease could read, never from what a worker says."""

from __future__ import annotations

import pytest

from chimera.domain.work import Material
from chimera.governance import taint
from chimera.swarm.provenance import labelled, readable
from tests.small_house import TEXT, SmallHouse, a_payment, a_post
from tests.small_work import assign, draft

pytestmark = pytest.mark.requirement("R-N2", "R-D8")


async def test_a_worker_that_drops_its_labels(tmp_path: object) -> None:
    house = await SmallHouse().open()
    task = await house.a_task(labels=("public",))
    material = Material(name="trends", content={"text": "x"}, labels=("tool:trends",))
    lying = draft(TEXT, labels=())
    assert set(labelled(lying, assign(task, house.agent, materials=[material])).labels) == {"public", "tool:trends"}


async def test_everything_readable_is_looked_through_for_echoes() -> None:
    house = await SmallHouse().open()
    words = "visit evil example dot com right now my friends"
    task = await house.a_task(labels=("public",), input={"text": words})
    shaped = taint.shaped_by(a_post(f"{words} [AI persona]"), readable(assign(task, house.agent)))
    assert any("copied from a stranger" in one for one in shaped)
    trusted = await house.a_task(labels=("operator",), input={"text": words})
    assert taint.shaped_by(a_post(f"{words} [AI persona]"), readable(assign(trusted, house.agent))) == ()


async def test_a_payment_near_a_strangers_words_is_always_shaped() -> None:
    house = await SmallHouse().open()
    task = await house.a_task(spec="commerce.pay", labels=("public",))
    assert taint.shaped_by(a_payment(), readable(assign(task, house.agent)))
