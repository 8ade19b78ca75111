"""`chimera bench state`: hot state of many agents in Valkey: updates a second, what one costs, and a loss rebuilt."""

from __future__ import annotations

import time
from typing import Any

from chimera import bootstrap
from chimera.adapters.local.valkey import start_valkey
from chimera.adapters.system.clock import SystemClock, SystemIds
from chimera.adapters.valkey.connection import Valkey
from chimera.adapters.valkey.hot import ValkeyHotState
from chimera.bench.load import agent_of, settled_in
from chimera.bench.spread import conditions, spread_ms
from chimera.domain.roles import Role
from chimera.ports.hot import Pulse, Status
from chimera.ports.store import Store
from chimera.settings import Settings
from chimera.swarm.watching import Watching

PULSES_AT_ONCE = 256
PER_SECOND_MIN = 1_000


async def run(settings: Settings, *, agents: int, seconds: float) -> dict[str, Any]:
    """Beat for some time, then empty the server and build everything anew from PostgreSQL."""
    server = await start_valkey(settings.folder)
    valkey = Valkey(server.url)
    try:
        async with bootstrap.database(settings) as found:
            office = await found.store(Role.OFFICE, writer="office")
            try:
                known = await _settle_in(office, agents)
                return await _measured(ValkeyHotState(valkey), valkey, office, known, seconds)
            finally:
                await office.close()
    finally:
        await valkey.close()
        await server.stop()


async def _settle_in(office: Store, agents: int) -> list[str]:
    fresh, clock, known = SystemIds(), SystemClock(), list[str]()
    for number in range(agents):
        agent = agent_of(number, fresh)
        await office.commit(settled_in(agent, fresh, clock)[0])
        known.append(agent.id)
    return known


async def _measured(
    hot: ValkeyHotState, valkey: Valkey, office: Store, known: list[str], seconds: float
) -> dict[str, Any]:
    watching = Watching(hot=hot, reads=office, clock=SystemClock())
    await watching.rebuild()
    updates, took_us = 0, list[int]()
    began = time.monotonic()
    while (since := time.monotonic()) < began + seconds:
        start = updates % len(known)
        names = (known[start:] + known)[:PULSES_AT_ONCE]
        await hot.beat([Pulse(agent_id=name, status=Status.WORKING, at_us=updates) for name in names])
        took_us.append(round((time.monotonic() - since) * 1_000_000))
        updates += len(names)
    elapsed = time.monotonic() - began
    bytes_full = await used_memory(valkey)
    await valkey.ask("FLUSHALL", "SYNC")
    bytes_empty = await used_memory(valkey)
    since = time.monotonic()
    await watching.once()
    rebuilt_seconds = time.monotonic() - since
    return {
        **conditions(),
        "agents": len(known),
        "updates_per_second": round(updates / elapsed),
        "batch_ms": spread_ms(took_us),
        "pulses_per_batch": min(PULSES_AT_ONCE, len(known)),
        "bytes_per_agent": round((bytes_full - bytes_empty) / len(known)),
        "rebuilt_agents": len(await hot.look(known)),
        "rebuilt_seconds": round(rebuilt_seconds, 3),
    }


async def used_memory(valkey: Valkey) -> int:
    """How many bytes the server uses for what it holds."""
    found: dict[str, Any] = await valkey.ask("INFO", "memory")
    return int(found["used_memory"])


def holds(result: dict[str, Any]) -> bool:
    """Whether it is fast enough, and everything was there again."""
    return result["updates_per_second"] >= PER_SECOND_MIN and result["rebuilt_agents"] == result["agents"]
