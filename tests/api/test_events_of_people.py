"""Who logs in, and who looks at what, is told to whoever may see the people here, and to nobody else."""

from __future__ import annotations

import pytest

from chimera.api.pulse import topics_for_pages, topics_of
from chimera.cli.story import is_worth_telling
from chimera.domain.errors import ChimeraError
from chimera.domain.event import OF_PEOPLE, Event, EventKind
from tests.api.conftest import World

pytestmark = pytest.mark.requirement("R-D4")
WORDS = ("PERSON_", "LOGIN_", "LOGGED_", "SESSION_", "TOKEN_")


def test_every_kind_about_people_is_one_of_them() -> None:
    assert {kind for kind in EventKind if kind.startswith(WORDS)} <= OF_PEOPLE


@pytest.mark.parametrize(("role", "sees"), [
    ("viewer", False), ("reviewer", False), ("finance", False), ("operator", True), ("auditor", True),
])  # fmt: skip
async def test_only_whoever_may_see_people_is_told_of_them(world: World, role: str, *, sees: bool) -> None:
    with pytest.raises(ChimeraError):
        await world.desk.log_in("nobody-here", "a wrong password", "", "elsewhere")
    async with world.client(role) as client:
        found = {line["kind"] for line in (await client.get("/v1/events", params={"limit": 200})).json()["items"]}
        asked = {kind: (await client.get("/v1/events", params={"kind": kind})).json()["items"]
                 for kind in sorted(OF_PEOPLE)}  # fmt: skip
    assert bool(found & OF_PEOPLE) == sees
    assert any(asked.values()) == sees


def test_pages_learn_that_people_changed_and_not_who() -> None:
    events = [Event(kind=kind, subject=f"subject of {kind}", at_us=1, data={}) for kind in sorted(OF_PEOPLE)]
    halted = Event(kind=EventKind.HALTED, subject="h", at_us=1, data={})
    topics = topics_for_pages((*events, halted))
    assert set(topics) == {"person", "halt"}
    assert (topics["person"].count, topics["person"].ids) == (4, [])
    assert topics["halt"].ids == ["h"]
    assert {"login", "logged"} <= set(topics_of(events)), "a webhook of an owner may ask for them"
    assert not any(is_worth_telling(event) for event in events)
