"""Who is at work: each speaks for its own role, and whoever reads it changes nothing."""

from __future__ import annotations

import asyncio

import pytest

from chimera.adapters.postgres.presence import PostgresPresence
from chimera.adapters.postgres.slots import PostgresSlots
from chimera.domain.errors import Refused
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
        assert [one.process for one in await auditor.present()] == ["one, process 9"]
    finally:
        for each in (managers, effects, auditor, slots):
            await each.close()


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
