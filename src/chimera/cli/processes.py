"""`chimera office | manager | worker | effects | gateway workers | vault serve`: one role, one process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Coroutine
from typing import Annotated, Any

import typer
import uvloop

from chimera import bootstrap
from chimera.adapters.system.clock import SystemClock
from chimera.assembly import joining, vaults
from chimera.assembly.outside import Outside
from chimera.assembly.rules import read_rules
from chimera.bootstrap import Database
from chimera.cli import output, stopping
from chimera.cli.network_process import network_of, running_network
from chimera.cli.rehearsing import Plan, begin_with, handle_of
from chimera.domain.errors import Invalid
from chimera.processes.channels import servers
from chimera.processes.effects import effects_process
from chimera.processes.gateway import doored, gateway_process
from chimera.processes.managers import manager_process
from chimera.processes.office import office_process
from chimera.processes.worker import worker_process
from chimera.rehearsal.scenario import DEMO
from chimera.settings import Settings, read_settings

WORKERS_MAX = 64


def office(
    *,
    agents: Annotated[int, typer.Option(help="How many personas take part in the rehearsal.")] = 12,
    posts: Annotated[int, typer.Option(help="How many posts each goal has.")] = 6,
    workers: Annotated[int, typer.Option(help="How many worker processes may come: worker-1, worker-2, …")] = 4,
) -> None:
    """Hold this home and run the top tier: servers, vault, network, intake, reviews. No task is worked on here."""
    if not 1 <= workers <= WORKERS_MAX:
        raise Invalid("workers_out_of_range", f"{workers} worker processes", where="--workers",
                      remedy=f"1 to {WORKERS_MAX}")  # fmt: skip
    _until_stopped(_office(read_settings(), Plan(agents=agents, posts=posts, scenario=DEMO), workers=workers))


def manager(
    *,
    own_workers: Annotated[bool, typer.Option("--own-workers", help="Work on the tasks in this process too: quicker, "
                                              "with the models' keys and the reading tools in it.")] = False,
) -> None:  # fmt: skip
    """Run managers for as many slots as are this process's share. Those of a silent one are taken over in seconds."""
    _until_stopped(_working_manager(read_settings()) if own_workers else _manager(read_settings()))


def worker() -> None:
    """Work on what managers send: with Valkey and the gateway, without database and keys."""
    _until_stopped(_worker(read_settings()))


def effects() -> None:
    """Act on sealed grants, and on nothing else. One process at a time: the next one fences it."""
    _until_stopped(_effects(read_settings()))


def gateway_workers() -> None:
    """Serve models and read tools to worker processes and managers, each for the tasks of its slice."""
    _until_stopped(_gateway(read_settings()))


def vault_serve() -> None:
    """Run the vault of this home until stopped, for fleets that are started without one."""
    _until_stopped(_vault(read_settings()))


def _until_stopped(work: Coroutine[Any, Any, None]) -> None:
    """On the quick loop: what a role mostly does is to read and write."""
    with contextlib.suppress(KeyboardInterrupt):
        stopping.run(work, loop=uvloop.new_event_loop)
    output.note("stopped")


async def _for_ever(what: str) -> None:
    output.tell(what)
    await asyncio.Event().wait()


async def _office(settings: Settings, plan: Plan, *, workers: int) -> None:
    names = [f"worker-{number + 1}" for number in range(workers)]
    accounts = tuple(handle_of(number) for number in range(plan.agents))
    async with (
        joining.held(settings.folder, tell=output.note) as home,
        network_of(home.folder / "rehearsal", plan.scenario, accounts) as network,
        servers(settings, workers=names),
        bootstrap.database(settings) as found,
        bootstrap.sandbox_outside(network.url, plan.scenario, found=found) as outside,
        office_process(settings, outside, found=found) as top,
    ):
        await begin_with(top.store, top.intake, plan)
        top.arrived.ring()
        await _for_ever("office: ready")


async def _manager(settings: Settings) -> None:
    async with bootstrap.running_or_own_database(settings) as found, manager_process(settings, found=found):
        await _for_ever("manager: ready")


async def _working_manager(settings: Settings) -> None:
    async with (
        _outside(settings) as (found, outside),
        doored(settings, outside, found=found) as ways,
        manager_process(settings, found=found, outside=ways),
    ):
        await _for_ever("manager with workers: ready")


async def _worker(settings: Settings) -> None:
    async with worker_process(settings):
        await _for_ever(f"{settings.worker_name}: ready")


async def _effects(settings: Settings) -> None:
    async with _outside(settings) as (found, outside), effects_process(settings, outside, found=found):
        await _for_ever("effects: ready")


async def _gateway(settings: Settings) -> None:
    async with (
        _outside(settings) as (found, outside),
        doored(settings, outside, found=found) as ways,
        gateway_process(settings, ways, found=found) as address,
    ):
        await _for_ever(f"the gateway for workers: {address}")


async def _vault(settings: Settings) -> None:
    digest = read_rules().pack.digest
    async with vaults.vault(settings, digest, SystemClock()):
        await _for_ever("vault: ready")


@contextlib.asynccontextmanager
async def _outside(settings: Settings) -> AsyncGenerator[tuple[Database, Outside]]:
    """The ways out of a rehearsal: the network that runs on this home."""
    async with bootstrap.running_or_own_database(settings) as found:
        url = running_network(settings.folder / "rehearsal")
        async with bootstrap.sandbox_outside(url, DEMO, found=found) as outside:
            yield found, outside
