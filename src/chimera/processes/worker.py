"""A worker process, which has no database and no key. Assembles it; decides nothing."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator

from chimera.adapters.gateway.client import GatewayModel, GatewayTools
from chimera.adapters.system.clock import SystemClock, SystemIds
from chimera.adapters.system.collector import settle_memory
from chimera.adapters.system.huge_pages import HugePages
from chimera.adapters.valkey.bus import ValkeyBus
from chimera.adapters.valkey.host import StreamHost, Work
from chimera.assembly.present import here
from chimera.assembly.rules import read_rules
from chimera.assembly.running import run_beside
from chimera.assembly.stages import worker_of
from chimera.processes.channels import channel
from chimera.processes.lines import line_of
from chimera.settings import Settings


@contextlib.asynccontextmanager
async def worker_process(settings: Settings) -> AsyncGenerator[StreamHost]:
    """A worker process: Valkey by its own user, the gateway by slices' tokens. It has no database and no key."""
    written, line = read_rules(), line_of(settings)

    def work_with(token: str) -> Work:
        tools = GatewayTools(line, token)
        return worker_of(settings, written, GatewayModel(line, lambda _: token), tools).work

    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(line.close)
        valkey = await stack.enter_async_context(channel(settings, settings.worker_name))
        host = StreamHost(valkey, ValkeyBus(valkey), name=settings.worker_name, incarnation=SystemIds().new(),
                          capacity=settings.workers, work_with=work_with, process=here())  # fmt: skip
        settle_memory()
        await run_beside(stack, host.run(), HugePages(SystemClock()).run())
        yield host
