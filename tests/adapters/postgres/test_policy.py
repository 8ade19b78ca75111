"""The policy in the real database: gate and vault decide by a new version within a second, and say under which."""

from __future__ import annotations

import asyncio
import time

import pytest
from msgspec.structs import replace

from chimera.adapters.documents.governance import load_files, load_lexicon
from chimera.adapters.system.clock import SystemClock
from chimera.domain.decision import Approver
from chimera.domain.policy import PackFiles, Policy
from chimera.domain.roles import Role
from chimera.governance.gate import Gate
from chimera.governance.policy.changes import Policies, in_force
from chimera.governance.policy.engine import PolicyEngine
from chimera.governance.policy.pack import pack_of
from chimera.governance.safety.gateway import SafetyGateway
from chimera.swarm.bell import Bell
from chimera.swarm.governing import Governing, TellingVault
from chimera.swarm.loops import forever
from chimera.testing.store_world import outcome
from tests.adapters.postgres.conftest import Database

# A pack is tried at thousands of corners before it is proposed or applied; several times here, on a busy machine.
pytestmark = [pytest.mark.requirement("R-F2", "R-D8"), pytest.mark.timeout(180)]
FILES = load_files()


class Told:
    """Implements the vault's side: which policy it was told, last."""

    def __init__(self) -> None:
        self.digest = ""

    async def govern(self, files: PackFiles, *, digest: str) -> None:
        assert pack_of(files).digest == digest
        self.digest = digest


async def test_a_new_version_decides_soon(database: Database) -> None:
    office, manager = await database.open("office", Role.OFFICE), await database.open("manager-1", Role.MANAGER)
    clock, told = SystemClock(), Told()
    gate = Gate(policy=PolicyEngine(pack_of(FILES)), safety=SafetyGateway(load_lexicon()), specs={})
    loops = [
        asyncio.create_task(forever(name, once=once, bell=Bell(clock), clock=clock, idle_seconds=0.3))
        for name, once in (
            ("governing", Governing(gate=gate, reads=manager).once),
            ("telling", TellingVault(vault=told, reads=office, shipped=FILES).once),
        )
    ]
    policies = Policies(store=office, shipped=FILES)
    proposed = await policies.propose(replace(FILES, release="2"), by="pia", why="tried")
    applied = await policies.apply(proposed.number, by=Approver("otto", "operator"), digest=proposed.digest)
    since = time.monotonic()
    while {gate.policy_digest, told.digest} != {applied.digest}:
        await asyncio.sleep(0.01)
        assert time.monotonic() - since < 10, "each looks every 0.3 s; a busy machine lets it wait"
    for loop in loops:
        loop.cancel()
    await asyncio.gather(*loops, return_exceptions=True)


async def test_no_manager_writes_policies_or_checkpoints_and_never_are_two_in_force(database: Database) -> None:
    office, other = await database.open("office", Role.OFFICE), await database.open("cli", Role.OFFICE)
    manager = await database.open("manager-1", Role.MANAGER)
    by = Approver("otto", "operator")
    writing = [Policies(store=store, shipped=FILES) for store in (office, other)]
    assert await outcome(
        Policies(store=manager, shipped=FILES).propose(replace(FILES, release="9"), by="m", why="tried")
    ) == ("write_not_permitted")
    made = [await writing[0].propose(replace(FILES, release=str(n)), by="pia", why="tried") for n in (2, 3)]
    codes = await asyncio.gather(
        *(
            outcome(one.apply(which.number, by=by, digest=which.digest))
            for one, which in zip(writing, made, strict=True)
        )
    )
    # Whoever comes second has read the first one's version, or is refused: never are two in force.
    assert "" in codes
    assert set(codes) <= {"", "record_stale"}
    assert await in_force(office) is not None
    assert (await office.count(Policy))["in_force"] == 1
