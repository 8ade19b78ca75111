"""A command that is told to end cleans up first, whether a service manager, keys or a closed terminal tells it."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

WORK = """
import asyncio
from chimera.cli import stopping

async def work():
    try:
        print("begun", flush=True)
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)
        print("cleaned up", flush=True)

try:
    stopping.run(work())
except KeyboardInterrupt:
    print("told to stop", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_cleans_up_before_it_ends(number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", WORK], stdout=subprocess.PIPE, text=True) as command:
        assert command.stdout is not None
        assert command.stdout.readline() == "begun\n"
        command.send_signal(number)
        assert command.stdout.read() == "cleaned up\ntold to stop\n"
