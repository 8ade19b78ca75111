"""Homes for the tests, and parents that are killed. Every process is ended by its own id, also when a test fails."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from chimera.adapters.local.postgres import ORDINARY, PostgresSettings, RunningPostgres, start_postgres
from chimera.adapters.local.processes import Seen, Step, end, look
from chimera.adapters.local.valkey import RunningValkey, start_valkey

ORPHAN_MAKER = Path(__file__).with_name("leave_orphans.py")


class Orphans:
    """Starts servers in a process of their own and kills that process; ends what is left of them afterwards."""

    def __init__(self) -> None:
        self._left: list[Seen] = []

    def leave(self, home: Path, *names: str) -> tuple[Seen, ...]:
        command = [sys.executable, str(ORPHAN_MAKER), str(home), *names]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
            assert parent.stdout is not None
            line = parent.stdout.readline()
            seen = tuple(found for pid in line.split() if (found := look(int(pid))))
            self._left.extend(seen)
            parent.kill()
        assert len(seen) == len(names), line
        return seen

    def end_all(self) -> None:
        for process in self._left:
            asyncio.run(end(process, steps=(Step(signal.SIGINT, 10.0),)))


@pytest.fixture
def orphans() -> Iterator[Orphans]:
    made = Orphans()
    yield made
    made.end_all()


@pytest.fixture
def runtime() -> Iterator[Path]:
    """A folder with a short name; those of pytest are long enough to be too long for a socket themselves."""
    with tempfile.TemporaryDirectory(prefix="ch-") as folder:
        yield Path(folder).resolve()


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process that has nothing to do with us."""
    with subprocess.Popen(["/bin/sleep", "600"]) as process:
        yield process
        process.kill()


@pytest.fixture(scope="session")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose PostgreSQL has been made and stopped; copying it is faster than making another."""
    home = tmp_path_factory.mktemp("t") / "h"

    async def make() -> None:
        await (await start_postgres(home)).stop()

    asyncio.run(make())
    return home


@pytest.fixture
def new_home(initialised: Path, tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    def copy(name: str) -> Path:
        return Path(shutil.copytree(initialised, tmp_path / name))

    yield copy
    # Forty megabytes in a thousand files each: pytest would keep them for three sessions.
    shutil.rmtree(tmp_path)


@pytest.fixture
def home(new_home: Callable[[str], Path]) -> Path:
    return new_home("h")


@asynccontextmanager
async def postgres(
    home: Path, *, major: int = 18, settings: PostgresSettings = ORDINARY
) -> AsyncGenerator[RunningPostgres]:
    server = await start_postgres(home, major=major, settings=settings)
    try:
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def valkey(
    home: Path, *, users: dict[str, str] | None = None, persist: bool = False, runtime: Path | None = None
) -> AsyncGenerator[RunningValkey]:
    server = await start_valkey(home, users=users, persist=persist, runtime=runtime)
    try:
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def connected(dsn: str) -> AsyncGenerator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close(timeout=5)


async def ask(dsn: str, query: str) -> object:
    async with connected(dsn) as connection:
        return await connection.fetchval(query)


def open_to_others(folder: Path) -> list[str]:
    """The folders and files below that others may open."""
    return [str(path) for path in (folder, *folder.rglob("*")) if not path.is_symlink() and path.stat().st_mode & 0o077]


def is_root() -> bool:
    return os.geteuid() == 0
