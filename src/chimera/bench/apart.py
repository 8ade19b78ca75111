"""A swarm in processes of their own, for measurements: managers, a worker, gateway, effects, vault, and the servers.

The office is the measuring process; the simulated model is in the gateway, the network in effects. Whatever is ended
here was begun here.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from chimera import bootstrap
from chimera.adapters.local.home import Home
from chimera.adapters.system.clock import SystemClock
from chimera.bench import books, parts
from chimera.bench.feeding import settle_in
from chimera.domain.campaign import Campaign
from chimera.domain.errors import Unavailable
from chimera.domain.task import Task
from chimera.governance import audit
from chimera.pipeline.intake import Intake
from chimera.ports.store import Reads
from chimera.processes.channels import servers
from chimera.processes.office import office_process
from chimera.settings import Settings

WORKER = "worker-1"
READY_SECONDS_MAX, END_SECONDS_MAX, DRAIN_SECONDS_MAX, LOOK_SECONDS = 300.0, 60.0, 180.0, 0.05
OVER = ("done", "refused", "failed", "dropped")


class Plan(Struct, frozen=True, kw_only=True):
    """How many of what."""

    agents: int
    managers: tuple[str, ...] = ()
    slots: int = 4
    seed: int = 1


class Children:
    """The processes of the roles, by name."""

    def __init__(self, settings: Settings, plan: Plan) -> None:
        self._plan = plan
        self._settings = {"CHIMERA_HOME": settings.home, "CHIMERA_GATEWAY_ADDRESS": "127.0.0.1:0",
                          "PYTHONUNBUFFERED": "1", "CHIMERA_MANAGER_SLOTS": str(plan.slots),
                          "CHIMERA_WORKERS": str(plan.agents), "CHIMERA_WORKER_NAME": WORKER}  # fmt: skip
        self._running: dict[str, asyncio.subprocess.Process] = {}

    @property
    def pids(self) -> dict[str, int]:
        """Those that run, by name."""
        return {name: child.pid for name, child in self._running.items()}

    async def start(self, name: str, command: str) -> None:
        """A role of the command line. It is ready when this returns."""
        await self._start(name, "chimera.cli.start", command)

    async def start_part(self, role: str) -> asyncio.subprocess.Process:
        """A role before something simulated."""
        said = await self._start(role, "chimera.bench.parts", role, str(self._plan.agents), str(self._plan.seed))
        if role == parts.GATEWAY:
            self._settings["CHIMERA_GATEWAY_ADDRESS"] = said.split()[-1]
        return self._running[role]

    async def _start(self, name: str, *words: str) -> str:
        given = [f"{key}={value}" for key, value in self._settings.items()]
        child = self._running[name] = await asyncio.create_subprocess_exec(
            "env", *given, sys.executable, "-m", *words,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert child.stdout is not None, "it is a pipe"
        async with asyncio.timeout(READY_SECONDS_MAX):
            line = await child.stdout.readline()
        if b"ready" not in line:
            raise Unavailable("process_away", f"{name} did not begin: {line.decode()[:200]}", where="bench",
                              remedy="see the lines above")  # fmt: skip
        return line.decode()

    async def kill(self, name: str) -> None:
        """As if its host failed."""
        child = self._running.pop(name)
        child.kill()
        await child.wait()

    async def end(self) -> list[str]:
        """All of them. Who did not end when told to, and was killed: nobody should."""
        for child in self._running.values():
            if child.returncode is None:
                child.send_signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS_MAX):
                await asyncio.gather(*(child.wait() for child in self._running.values()))
        left = [name for name, child in self._running.items() if child.returncode is None]
        for name in left:
            await self.kill(name)
        self._running.clear()
        return left


class House(Struct, frozen=True, kw_only=True):
    """What runs, and how it is fed and looked at."""

    folder: Path
    children: Children
    intake: Intake
    campaigns: list[Campaign]
    reads: Reads


@contextlib.asynccontextmanager
async def house(settings: Settings, plan: Plan) -> AsyncGenerator[House]:
    """All of it, running while the block does."""
    settings = msgspec.structs.replace(settings, gateway_address="127.0.0.1:0", manager_slots=plan.slots)
    clock = SystemClock()
    nothing = parts.outside_of(parts.world_of(1, plan.seed), plan.seed)
    with Home.open(settings.folder) as home:
        async with (
            servers(settings, workers=[WORKER]),
            bootstrap.database(settings) as found,
            office_process(settings, nothing, found=found, listens=False) as office,
            contextlib.AsyncExitStack() as stack,
        ):
            children = Children(settings, plan)
            stack.push_async_callback(children.end)
            reads = await found.reads()
            stack.push_async_callback(reads.close)
            campaigns = await settle_in(office.store, clock, agents=plan.agents)
            await children.start_part(parts.GATEWAY)
            await children.start_part(parts.EFFECTS)
            await children.start(WORKER, "worker")
            for name in plan.managers:
                await children.start(name, "manager")
            yield House(folder=home.folder, children=children, intake=office.intake, campaigns=campaigns, reads=reads)


async def books_of(house: House, *, accepted: int) -> dict[str, Any]:
    """Everything that was accepted comes to its end, and every process; then ours against the network's."""
    gives_up = time.monotonic() + DRAIN_SECONDS_MAX
    while True:
        tasks = Counter(await house.reads.count(Task))
        standing = sum(many for state, many in tasks.items() if state not in OVER)
        if (tasks.total() >= accepted and not standing) or time.monotonic() > gives_up:
            break
        await asyncio.sleep(LOOK_SECONDS)
    killed = await house.children.end()
    counts = await books.compare(house.reads, parts.deeds_of(house.folder))
    history = await audit.verify_history(house.reads)
    return {
        "did_not_end": killed, "accepted": accepted, "tasks": dict(tasks), "standing": standing,
        "lost": counts.lost + standing + max(0, accepted - tasks.total()), "doubled": counts.doubled,
        "overspent": counts.overspent + await books.overspent_windows(house.reads),
        "chain": "verified" if history.verified else str(history.flaws[0]),
    }  # fmt: skip
