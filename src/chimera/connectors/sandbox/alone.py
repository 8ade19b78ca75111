"""`python -m chimera.connectors.sandbox.standing`: the simulated network in a process of its own, which outlives ours.

Reads `scenario.json` in its folder, says in `network.json` where it listens, and leaves `report.json` when it is told
to end (SIGTERM) or nobody has asked it anything for a while. The truth about attacks never leaves it before that.
Started again, it goes on from that report, then named `before.json`: a network that forgot its keys would do twice what
is asked twice.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import socket
from pathlib import Path

import msgspec
import uvicorn

from chimera.connectors.sandbox import server as sandbox
from chimera.connectors.sandbox.clock import MachineClock
from chimera.connectors.sandbox.serving import alive, http_server
from chimera.rehearsal import world
from chimera.rehearsal.standing import Order, Report, Whereabouts, report_of, write

IDLE_SECONDS_MAX = 120.0
LOOPBACK = "127.0.0.1"


def main() -> None:
    """Serve until told to end."""
    parser = argparse.ArgumentParser(prog="python -m chimera.connectors.sandbox.standing", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where the scenario is, and the report goes")
    folder = parser.parse_args().folder
    asyncio.run(_serve(folder))


async def _serve(folder: Path) -> None:
    order = msgspec.json.decode((folder / "scenario.json").read_bytes(), type=Order)
    clock = MachineClock()
    built = world.build(order.scenario, clock, accounts=order.accounts)
    before = _earlier(folder / "before.json")
    built.network.remember(before.records, before.memory)
    with socket.create_server((LOOPBACK, 0)) as listener:
        serving = http_server(sandbox.build(built.line), host=LOOPBACK, port=listener.getsockname()[1])
        ended = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        async with alive(built, clock):
            running = asyncio.create_task(serving.serve(sockets=[listener]))
            write(folder / "network.json", Whereabouts(pid=os.getpid(), port=listener.getsockname()[1]))
            await _until(ended, serving, clock)
            serving.should_exit = True
            await running
    write(folder / "report.json", report_of(built).after(before))


def _earlier(path: Path) -> Report:
    """The report of the network's earlier lives; an empty one before the first."""
    if not path.exists():
        return Report(records=(), attacks=(), goals_met=(), impressions=0, likes=0)
    return msgspec.json.decode(path.read_bytes(), type=Report)


async def _until(ended: asyncio.Event, serving: uvicorn.Server, clock: MachineClock) -> None:
    """Until told to end, or forgotten."""
    asked, idle_seconds = -1, 0.0
    while not ended.is_set() and idle_seconds < IDLE_SECONDS_MAX:
        with contextlib.suppress(TimeoutError):
            async with clock.timeout(1.0):
                await ended.wait()
        total = serving.server_state.total_requests
        idle_seconds = idle_seconds + 1 if total == asked else 0.0
        asked = total
