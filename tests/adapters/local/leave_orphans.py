"""Starts the servers named on the command line in a home, says so, and waits to be killed: `… HOME NAME…`."""

import asyncio
import sys
from pathlib import Path

from chimera.adapters.local.postgres import start_postgres
from chimera.adapters.local.valkey import start_valkey


async def main(home: Path, names: list[str]) -> None:
    pids: list[str] = []
    if "postgres" in names:
        pids.append(str((await start_postgres(home)).pid))
    if "valkey" in names:
        pids.append(str((await start_valkey(home)).pid))
    sys.stdout.write(" ".join(pids) + "\n")
    sys.stdout.flush()
    await asyncio.sleep(600)


asyncio.run(main(Path(sys.argv[1]), sys.argv[2:]))
