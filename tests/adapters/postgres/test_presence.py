"""Who is at work: each speaks for its own role, and whoever reads it changes nothing."""

from __future__ import annotations

import asyncio

import pytest

from chimera.adapters.postgres.presence import PostgresPresence, Present
from chimera.adapters.postgres.slots import PostgresSlots
from chimera.domain.durations import SECOND_US
from chimera.domain.errors import Refused
from chimera.domain.presence import Heard
from chimera.domain.roles import Role
from tests.adapters.postgres.conftest import PASSWORDS, Database

pytestmark = pytest.mark.requirement("R-A2", "R-L2")


async def opened(database: Database, role: Role) -> PostgresPresence:
    return await PostgresPresence.open(database.admin_dsn, role=role, password=PASSWORDS[role])


async def test_who_said_so_is_present_with_its_slots_until_it_leaves(database: Database) -> None:
    managers, effects, auditor = [await opened(database, role) for role in (Role.MANAGER, Role.EFFECTS, Role.AUDITOR)]
    slots = await PostgresSlots.open(database.admin_dsn, role=Role.MANAGER, password=PASSWORDS[Role.MANAGER])
    try:
        await slots.hold("a", range(3), more=2, lease_seconds=60)
        await managers.say("a", process="one, process 1")
        await effects.say("a", process="one, process 2")
        first, second = await auditor.present()
        assert (first.role, first.slots, second.role, second.slots) == ("effects", (), "manager", (0, 1))
        await asyncio.sleep(0.05)
        assert (await auditor.present())[1].silent_us >= 50_000
        await managers.say("a", process="one, process 1")
        again = (await auditor.present())[1]
        assert (again.since_us, again.silent_us < 50_000) == (second.since_us, True)
        await managers.say("a", process="one, process 9")
        assert (await auditor.present())[1].since_us > second.since_us
        # Each takes back its own word alone.
        await effects.leave("a")
        await effects.leave("a")
        gone, there = await auditor.present()
        assert (gone.role, gone.has_left, there.process, there.has_left) == ("effects", True, "one, process 9", False)
        # Whoever comes back is there since then.
        await effects.say("a", process="one, process 2")
        back = (await auditor.present())[0]
        assert (back.has_left, back.since_us > gone.since_us) == (False, True)
    finally:
        for each in (managers, effects, auditor, slots):
            await each.close()


async def test_workers_are_known_by_what_managers_hear_of_them(database: Database) -> None:
    """Several hear the same, and who heard last counts; who has not heard a goodbye does not take it back."""
    managers, auditor = [await opened(database, role) for role in (Role.MANAGER, Role.AUDITOR)]

    async def heard(silent_us: int, *, process: str = "there, process 1", left: bool = False) -> Present:
        await managers.hear((Heard("worker-1", process, "busy with 1 of 2 tasks", silent_us, left),))
        (found,) = await auditor.present()
        return found

    try:
        await managers.hear(())
        first = await heard(600 * SECOND_US)
        assert (first.role, first.who, first.about) == ("worker", "worker-1", "busy with 1 of 2 tasks")
        assert 600 * SECOND_US <= first.silent_us < 900 * SECOND_US
        assert (await heard(3_600 * SECOND_US)).silent_us < 900 * SECOND_US
        newer = await heard(0)
        assert (newer.since_us, newer.silent_us < 300 * SECOND_US) == (first.since_us, True)
        gone = await heard(0, left=True)
        assert (gone.has_left, (await heard(SECOND_US)).has_left) == (True, True)
        again = await heard(0, process="there, process 2")
        assert (again.has_left, again.process, again.since_us > first.since_us) == (False, "there, process 2", True)
    finally:
        for each in (managers, auditor):
            await each.close()


@pytest.mark.parametrize("role", [Role.OFFICE, Role.EFFECTS, Role.GATEWAY, Role.AUDITOR])
async def test_only_managers_say_what_they_hear_of_workers(database: Database, role: Role) -> None:
    presence = await opened(database, role)
    try:
        with pytest.raises(Refused):
            await presence.hear((Heard("worker-1", "there", "", 0, has_left=False),))
    finally:
        await presence.close()


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.MAINTENANCE])
async def test_who_only_reads_is_not_at_work(database: Database, role: Role) -> None:
    presence = await opened(database, role)
    try:
        with pytest.raises(Refused):
            await presence.say("a", process="one")
        with pytest.raises(Refused):
            await presence.leave("a")
    finally:
        await presence.close()


@pytest.mark.parametrize("role", [Role.OFFICE, Role.MANAGER, Role.EFFECTS, Role.GATEWAY])
async def test_who_is_at_work_does_not_read_who_else_is(database: Database, role: Role) -> None:
    presence = await opened(database, role)
    try:
        await presence.say("a", process="one")
        with pytest.raises(Refused):
            await presence.present()
    finally:
        await presence.close()
