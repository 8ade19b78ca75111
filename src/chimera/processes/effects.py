"""The process with hands. One at a time: the next one fences it. It creates and changes no grant."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator

from chimera.adapters.system.clock import SystemClock
from chimera.adapters.valkey.bus import ValkeyBus
from chimera.assembly import media
from chimera.assembly.calendar import calendared
from chimera.assembly.money import paying
from chimera.assembly.outside import Outside
from chimera.assembly.present import be_present
from chimera.assembly.running import run_beside
from chimera.assembly.stages import effects_of
from chimera.assembly.tools import behind_door
from chimera.assembly.vaults import vaults_of
from chimera.bootstrap import Database, entered
from chimera.domain.roles import Role
from chimera.processes.channels import EFFECTS, channel
from chimera.settings import Settings
from chimera.swarm.bus_client import BusClient
from chimera.swarm.remote_effects import EffectsLoop


@contextlib.asynccontextmanager
async def effects_process(settings: Settings, outside: Outside, *, found: Database) -> AsyncGenerator[EffectsLoop]:
    """The process with hands, acting while the block runs. One at a time: the next one fences it."""
    clock = SystemClock()
    async with contextlib.AsyncExitStack() as stack:
        valkey = await stack.enter_async_context(channel(settings, EFFECTS))
        vaults = vaults_of(settings, clock, second=bool(settings.wallets))
        stack.push_async_callback(vaults.close)
        acting = await entered(stack, found, Role.EFFECTS, "effects-0")
        _, dated = await stack.enter_async_context(calendared(settings, outside.tools, outside.publisher))
        carrying = await media.carrying(settings, dated)
        paid = await stack.enter_async_context(paying(settings, vaults, carrying, acting=acting, clock=clock))
        _, publisher = await stack.enter_async_context(behind_door(settings, outside.tools, paid, reads=acting))
        loop = EffectsLoop(effects=effects_of(settings, publisher, acting), reads=acting,
                           bus=BusClient(ValkeyBus(valkey)), clock=clock)  # fmt: skip
        await be_present(stack, Role.EFFECTS, dsn=found.dsn, passwords=found.passwords)
        await run_beside(stack, loop.run())
        yield loop
