"""The gateway for workers and managers: models and read tools, behind slices' tokens. Writes nothing to the world."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator

import msgspec

from chimera.adapters.gateway.server import WorkersGateway
from chimera.adapters.gateway.tls import door_context
from chimera.adapters.system.clock import SystemClock
from chimera.assembly.calendar import calendared
from chimera.assembly.guarding import guarded
from chimera.assembly.media import illustrated
from chimera.assembly.outside import Outside
from chimera.assembly.present import be_present
from chimera.assembly.tools import behind_door
from chimera.assembly.web import webbed
from chimera.bootstrap import Database
from chimera.domain.roles import Role
from chimera.governance.entrusted import Entrusted
from chimera.governance.identity import slices
from chimera.governance.identity.slices import SlicePass
from chimera.ports.tools_read import ToolsRead
from chimera.processes.lines import address_of, manager_key
from chimera.settings import Settings
from chimera.swarm.editions import Editions
from chimera.swarm.roster import Roster


@contextlib.asynccontextmanager
async def doored(settings: Settings, outside: Outside, *, found: Database) -> AsyncGenerator[Outside]:
    """The ways out with everything that reads for workers: calendar, studio, open web, tool servers."""
    async with contextlib.AsyncExitStack() as stack:
        reads = await found.reads()
        stack.push_async_callback(reads.close)
        styles = Editions(reads=reads, roster=Roster(reads=reads, clock=SystemClock()))
        dated = calendared(settings, outside.tools, outside.publisher)
        tools, publisher = await stack.enter_async_context(dated)
        drawn = await stack.enter_async_context(illustrated(settings, tools=tools, publisher=publisher, styles=styles))
        web = await stack.enter_async_context(webbed(settings, drawn.tools, reads=reads))
        tools, _ = await stack.enter_async_context(behind_door(settings, web, drawn.publisher, reads=reads))
        yield msgspec.structs.replace(outside, tools=tools)


@contextlib.asynccontextmanager
async def gateway_process(
    settings: Settings, outside: Outside, *, found: Database | None = None
) -> AsyncGenerator[str]:
    """Models and read tools for workers and managers, listening while the block runs; its address."""
    clock = SystemClock()
    public = (manager_key(settings).public_key(),)

    def tools_for(opened: SlicePass) -> ToolsRead:
        return guarded(settings, outside.tools, Entrusted.of(opened.secrets))

    made = WorkersGateway(
        model=outside.model, judge=outside.judge_model, tools_for=tools_for, clock=clock,
        recognise=lambda token: slices.recognised(token, keys=lambda: public, clock=clock),
    )  # fmt: skip
    host, port = address_of(settings)
    context = door_context(host, settings.gateway_certificate, settings.gateway_key)
    async with contextlib.AsyncExitStack() as stack:
        at, on = await stack.enter_async_context(made.listening(host, port, context=context))
        if found is not None:
            await be_present(stack, Role.GATEWAY, dsn=found.dsn, passwords=found.passwords)
        yield f"{at}:{on}"
