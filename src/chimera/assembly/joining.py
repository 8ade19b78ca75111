"""Says whether a home is ours to run, or another process runs it, and where; and has hosts wait for their guests.

Opens no database. Commands that are given at once share the database of whichever came first.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncGenerator, Callable, Generator
from pathlib import Path

import msgspec
from msgspec import Struct

from chimera.adapters.local.home import PRIVATE_FILE_MODE, Home, explained, prepare_home
from chimera.domain.errors import Conflict

RUNNING, GUESTS = "running.json", "guests"
# The first command on a new home makes its database: seconds, or a minute on a slow disk.
JOIN_SECONDS_MAX = 180.0
GUESTS_SECONDS_MAX = 30.0
LOOK_SECONDS = 0.05


class Joined(Struct, frozen=True):
    """Another process has the home, and its database answers here. Empty: at the address in the settings."""

    dsn: str


@contextlib.asynccontextmanager
async def held(folder: Path, *, tell: Callable[[str], None]) -> AsyncGenerator[Home]:
    """The home while the block runs, for whoever stays. A command that is under way there is waited for, and told."""
    told: set[str] = set()

    def waits(taken: Conflict) -> None:
        if taken.code != "home_busy":
            raise taken
        if taken.message not in told:
            told.add(taken.message)
            tell(f"{taken.message} This begins when it has ended.")

    home = await _opened_home(folder, passing=False, instead=waits)
    assert isinstance(home, Home), "nothing else was accepted instead"
    with home:
        yield home


@contextlib.asynccontextmanager
async def held_or_joined(folder: Path, *, lasting: bool = False) -> AsyncGenerator[Joined | None]:
    """`None` while the home is held by us; otherwise whose guest we are. The host waits for guests that do not last."""
    with contextlib.ExitStack() as stack:

        def joins(_: Conflict) -> Joined | None:
            return _joined(prepare_home(folder), stack, lasting=lasting)

        found = await _opened_home(folder, passing=not lasting, instead=joins)
        if isinstance(found, Home):
            stack.enter_context(found)
        yield found if isinstance(found, Joined) else None


async def _opened_home(folder: Path, *, passing: bool, instead: Callable[[Conflict], Joined | None]) -> Home | Joined:
    """The home, however long somebody else has it; or what is accepted instead of waiting."""
    end = asyncio.get_running_loop().time() + JOIN_SECONDS_MAX
    while True:
        try:
            return Home.open(folder, passing=passing)
        except Conflict as taken:
            if (other := instead(taken)) is not None:
                return other
            if asyncio.get_running_loop().time() > end:
                raise
        await asyncio.sleep(LOOK_SECONDS)


def _joined(home: Path, stack: contextlib.ExitStack, *, lasting: bool) -> Joined | None:
    """First the guest's lock, then the look: a host that takes its word back sees every guest who has read it."""
    with contextlib.ExitStack() as guest:
        guests = _opened(home / GUESTS)
        guest.callback(os.close, guests)
        fcntl.flock(guests, fcntl.LOCK_SH)
        try:
            dsn = msgspec.json.decode((home / RUNNING).read_bytes(), type=str)
        except FileNotFoundError:
            return None
        if not lasting:
            stack.enter_context(guest.pop_all())
        return Joined(dsn)


@contextlib.asynccontextmanager
async def announced(home: Path, dsn: str) -> AsyncGenerator[None]:
    """While the block runs, others find the database. Returns when the last guest has gone, or has had time to."""
    draft = home / f"{RUNNING}.draft"
    draft.write_bytes(msgspec.json.encode(dsn))
    draft.replace(home / RUNNING)
    try:
        yield
    finally:
        withdraw(home)
        await _until_guests_left(home)


def withdraw(home: Path) -> None:
    """Nobody is invited any more, nor by a host that was killed."""
    (home / RUNNING).unlink(missing_ok=True)


@contextlib.contextmanager
def alone(home: Path, what: str) -> Generator[None]:
    """One process at a time does this on this home. The lock ends with the process, however that ends."""
    with contextlib.ExitStack() as stack:
        lock = _opened(home / f"{what}.lock")
        stack.callback(os.close, lock)
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


async def _until_guests_left(home: Path) -> None:
    guests = _opened(home / GUESTS)
    end = asyncio.get_running_loop().time() + GUESTS_SECONDS_MAX
    try:
        while asyncio.get_running_loop().time() < end:
            try:
                fcntl.flock(guests, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                await asyncio.sleep(LOOK_SECONDS)
    finally:
        os.close(guests)


def _opened(path: Path) -> int:
    with explained(path):
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE_FILE_MODE)
