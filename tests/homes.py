"""Homes whose database has been made, and their database kept running: for tests whose subject is neither."""

from __future__ import annotations

import asyncio
import atexit
import shutil
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from chimera import bootstrap
from chimera.settings import Settings
from tests.folders import folder_in_memory


def furnish(home: Path) -> Path:
    """A home in which nothing has happened yet but that its database was made: a fifth of the time of making one."""
    shutil.copytree(_made(), home, ignore=shutil.ignore_patterns("run", "*.log"))
    return home


@contextmanager
def hosted(home: Path) -> Generator[None]:
    """The home's database, running while the block does: commands are its guests, and start none of their own."""
    begun, over = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as thread:
        host = thread.submit(asyncio.run, _hosted(home, begun, over))
        try:
            while not begun.wait(0.05) and not host.done():
                pass
            yield
        finally:
            over.set()
            host.result()


async def _hosted(home: Path, begun: threading.Event, over: threading.Event) -> None:
    async with bootstrap.running_or_own_database(Settings(home=str(home))):
        begun.set()
        await asyncio.to_thread(over.wait)


@cache
def _made() -> Path:
    """Once for each worker, in memory: what is copied from it lies on disk, as homes do."""
    folder = folder_in_memory("chimera-home-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    begun, over = threading.Event(), threading.Event()
    over.set()
    # In a thread of its own: whoever asks may be in a loop already.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, _hosted(folder / "home", begun, over)).result()
    return folder / "home"
