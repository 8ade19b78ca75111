"""The two stores agree: on random changes they give the same answers, windows, records and chain hashes."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chimera.adapters.memory.database import MemoryDatabase
from chimera.adapters.memory.store import MemoryStore
from chimera.domain.budget import Movement
from chimera.domain.change import Change
from chimera.domain.grant import SealState
from chimera.domain.halt import HaltState
from chimera.domain.kinds import KINDS, NAMES
from chimera.domain.record import Record
from chimera.domain.roles import Role, may_write
from chimera.ports.store import Store
from chimera.testing.manual_clock import ManualClock
from chimera.testing.store_samples import Samples, change
from chimera.testing.store_world import outcome
from tests.adapters.postgres.conftest import TEMPLATE, Database, drop_database, make_database
from tests.adapters.postgres.server import Server
from tests.examples import examples

ROLES = (Role.OFFICE, Role.MANAGER, Role.EFFECTS)
WINDOWS = ("agent:a|day|1", "agent:a|day|2", "agent:b|day|1", "fleet|day|1", "tool:x|day|1")
SCOPES = ("fleet", "tool:x", "tool:y")
# Far enough for a slow machine, and near enough that no clock reaches it.
FAR_US = 4_000_000_000_000_000
AMOUNTS = (0, 1, 30, 60, 100, 10_000_000, 1_000_000_000, 2**60)
_numbers = itertools.count()


def _versions(record: Record, *fields: dict[str, Any]) -> list[Record]:
    return [msgspec.structs.replace(record, version=version, **changed) for version in (1, 2, 3) for changed in fields]


def _bundles() -> list[tuple[Record, ...]]:
    """What is written together: mostly a record alone, and what makes and takes a grant."""
    samples = Samples()
    bundles: list[tuple[Record, ...]] = []
    for number in range(2):
        task, cap = samples.task(), samples.cap("agent:a", ("day", "week")[number], 0)
        halt, batch = samples.halt(SCOPES[number]), samples.batch()
        grant = samples.grant(expires_at_us=(FAR_US, 1)[number])
        seal, performance = samples.seal(grant, batch), samples.performance(grant)
        singles = [
            *_versions(task, {"reason": "a"}, {"reason": "b"}),
            *_versions(cap, *({"micros": micros} for micros in (0, 50, 150))),
            *_versions(halt, *({"state": state} for state in HaltState)),
            *_versions(seal, *({"state": state} for state in SealState)),
            performance,
        ]
        bundles += [(each,) for each in singles]
        taken = msgspec.structs.replace(seal, version=2, state=SealState.TAKEN)
        bundles += [(batch, grant, seal), (grant,), (batch, seal), (taken, performance), (taken, performance)]
    bundles += [(each,) for each in (*_versions(samples.agent(), {}), samples.hold(WINDOWS[:1], 5))]
    return bundles


def _permitted(role: Role, bundle: Sequence[Record]) -> bool:
    return all(
        may_write(role, NAMES[type(record)], version=record.version, state=record.state_name) for record in bundle
    )


MOVEMENTS = st.builds(
    Movement,
    windows=st.lists(st.sampled_from(WINDOWS), min_size=1, max_size=2, unique=True).map(tuple),
    hold_micros=st.sampled_from(AMOUNTS),
    release_micros=st.sampled_from((0, 0, 0, *AMOUNTS)),
    metered_micros=st.sampled_from(AMOUNTS),
)


def _change(bundles: Sequence[Sequence[Record]], movements: Sequence[Movement], begins: Sequence[str]) -> Change:
    records = {(type(record), record.id): record for bundle in bundles for record in bundle}
    return change(*records.values(), movements=movements, begins_in=begins)


def _step(role: Role) -> st.SearchStrategy[tuple[Role, list[Change]]]:
    """What a role commits at once: mostly what it may."""
    bundles = _bundles()
    permitted = st.sampled_from([bundle for bundle in bundles if _permitted(role, bundle)])
    records = st.lists(st.one_of(*[permitted] * 9, st.sampled_from(bundles)), max_size=2)
    movements = st.lists(MOVEMENTS, max_size=3) if role is Role.MANAGER else st.just([])
    changes = st.builds(_change, records, movements, st.lists(st.sampled_from(SCOPES), max_size=1))
    return st.tuples(st.just(role), st.lists(changes, min_size=1, max_size=6))


# In one batch on PostgreSQL, one after the other in memory.
STEPS = st.lists(st.one_of(*map(_step, (*ROLES, Role.MANAGER, Role.MANAGER))), min_size=1, max_size=12)

Answers = list[object]


def _orderly(changes: Sequence[Change]) -> list[Change]:
    """Without the changes that write a record of an earlier one: those wait for a batch of their own, in any order."""
    seen: set[tuple[type, str]] = set()
    kept: list[Change] = []
    for each in changes:
        keys = {(type(record), record.id) for record in each.records}
        if seen.isdisjoint(keys):
            kept.append(each)
        seen |= keys
    return kept


async def _run(stores: dict[Role, Store], steps: Sequence[tuple[Role, Sequence[Change]]]) -> Answers:
    answers: Answers = []
    for role, changes in steps:
        answers.append(await asyncio.gather(*(outcome(stores[role].commit(each)) for each in _orderly(changes))))
    office = stores[Role.OFFICE]
    answers += [await office.windows(), await office.heads(), await office.halted()]
    for kind in KINDS.values():
        answers += [await office.list(kind), await office.count(kind)]
    return answers


async def _on_postgres(server: Server, steps: Sequence[tuple[Role, Sequence[Change]]]) -> Answers:
    name = f"agreement_{next(_numbers)}"
    await make_database(server, name, TEMPLATE)
    database = Database(server, name)
    try:
        stores: dict[Role, Store] = {role: await database.open(role.value, role) for role in ROLES}
        return await _run(stores, steps)
    finally:
        await database.close()
        await drop_database(server, name)


async def _in_memory(steps: Sequence[tuple[Role, Sequence[Change]]]) -> Answers:
    database, clock = MemoryDatabase(), ManualClock()
    return await _run({role: MemoryStore(database, writer=role.value, role=role, clock=clock) for role in ROLES}, steps)


@pytest.mark.requirement("R-A6", "R-E2", "R-N4")
@pytest.mark.timeout(300)  # Every example is given a database of its own.
@settings(
    max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(steps=STEPS)
def test_memory_and_postgres_agree(server: Server, steps: list[tuple[Role, list[Change]]]) -> None:
    in_memory = asyncio.run(_in_memory(steps))
    on_postgres = asyncio.run(_on_postgres(server, steps))
    assert on_postgres == in_memory
