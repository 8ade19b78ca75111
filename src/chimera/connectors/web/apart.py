"""Has strangers' bytes parsed by a process of its own, which holds nothing and is ended when it takes too long."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import Any, cast

import msgspec

from chimera.ports.clock import Clock
from chimera.ports.network import Declined

SECONDS_MAX = 20.0
UNREADABLE = Declined("web_unreadable", "nothing can be read in it")


async def parsed(parser: str, data: bytes, url: str, clock: Clock) -> dict[str, Any] | Declined:
    """What a module that is a parser finds in them, as plain values."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-B", "-m", parser, url, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL, env={},
    )  # fmt: skip
    try:
        async with clock.timeout(SECONDS_MAX):
            told, _ = await child.communicate(data)
    except TimeoutError:
        return Declined("web_unreadable", f"reading it takes longer than {SECONDS_MAX:.0f} s")
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()
    found: Any = msgspec.json.decode(told) if child.returncode == 0 and told else None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else UNREADABLE
