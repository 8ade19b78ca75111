"""Who looked at what, and why, goes on record in batches; nothing is lost when the store is away."""

from __future__ import annotations

import msgspec
import pytest

from chimera.domain.errors import Conflict
from chimera.domain.event import Event, EventKind
from chimera.domain.person import Principal
from chimera.domain.roles import Role
from chimera.governance.looks import Looks
from tests.small_house import SmallHouse

pytestmark = pytest.mark.requirement("R-D4", "R-D3")
GRACE = Principal(person="p-1", name="Grace", roles=frozenset({"reviewer"}))


async def reads_of(house: SmallHouse, writer: str) -> list[Event]:
    return [msgspec.json.decode(link.body, type=Event) for link in await house.manager.links(writer)]


async def test_reads_are_on_record_with_who_what_and_why_in_one_commit() -> None:
    house = SmallHouse()
    looks = Looks(store=house.office)
    for record in ("r-1", "r-2"):
        looks.note(GRACE, route="/v1/reviews/{review_id}", record=record)
    looks.note(
        GRACE, route="/v1/conversations/{input_id}", record="i-1", why="@mila.example asked 'where are my words'"
    )
    assert await looks.flush() == 1
    (event,) = await reads_of(house, "office-0")
    assert (event.kind, event.subject, event.data["by"]) == (EventKind.DATA_READ, "p-1", "Grace")
    assert event.data["reads"] == [
        {"route": "/v1/reviews/{review_id}", "why": "ruling on reviews", "count": 2, "records": ["r-1", "r-2"]},
        {"route": "/v1/conversations/{input_id}", "why": "@… asked '…'", "count": 1, "records": ["i-1"]},
    ]
    assert await looks.flush() == 0


async def test_what_could_not_be_written_is_written_later() -> None:
    house = SmallHouse()
    looks = Looks(store=house.office)
    looks.note(GRACE, route="/v1/tasks", record="")
    house.store("office-0", Role.OFFICE)  # Somebody else has the writer now.
    with pytest.raises(Conflict):
        await looks.flush()
    looks._store = house.store("office-0", Role.OFFICE)
    assert await looks.flush() == 1
