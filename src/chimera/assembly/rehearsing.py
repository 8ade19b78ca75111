"""Lives a week before its crowds in a process of its own, at low priority: the fleet beside it keeps its cores."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

import msgspec

from chimera.domain.errors import Unavailable
from chimera.rehearsal.week import Outcome, Week

LIVED_SECONDS_MAX = 600.0
NICENESS = "10"
_one_at_a_time = asyncio.Semaphore(1)


class _Told(msgspec.Struct):
    """What `chimera rehearse --json` says, as far as it is asked here."""

    outcomes: tuple[Outcome, ...]


async def lived(week: Week) -> tuple[Outcome, ...]:
    """What every version came to with every crowd. One week at a time; whoever comes next waits."""
    with tempfile.TemporaryDirectory(prefix="chimera-week-") as folder:
        scenario = Path(folder) / "week.yaml"
        scenario.write_bytes(msgspec.json.encode(week))
        async with _one_at_a_time:
            return await _answer("rehearse", str(scenario), "--json")


async def _answer(*words: str) -> tuple[Outcome, ...]:
    process = await asyncio.create_subprocess_exec(
        "nice", "-n", NICENESS, sys.executable, "-m", "chimera.cli.start", *words,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(LIVED_SECONDS_MAX):
            told, complaint = await process.communicate()
    except TimeoutError as error:
        raise Unavailable("rehearsal_late", f"the rehearsal took more than {LIVED_SECONDS_MAX:.0f} s",
                          where="rehearse", remedy="try again when the machine is quieter") from error  # fmt: skip
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise Unavailable("rehearsal_ended", complaint.decode(errors="replace")[-300:], where="rehearse",
                          remedy="run chimera rehearse on the command line and read what it says")  # fmt: skip
    return msgspec.json.decode(told, type=_Told).outcomes
