"""One rehearsal for all end-to-end tests of a run; each test gets a copy of its home to itself."""

from __future__ import annotations

import asyncio
import fcntl
import shutil
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import pytest

from chimera.adapters.local.postgres import start_postgres
from tests import fleet, homes

AGENTS = 5
Ask: TypeAlias = Callable[["asyncpg.Connection[asyncpg.Record]"], Coroutine[Any, Any, Any]]


@pytest.fixture(scope="session")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a rehearsal that has ended, beside what it said. Made once, whichever worker comes first."""
    run = tmp_path_factory.getbasetemp()
    # Workers of one run have their folders in one of that run's; alone, the parent is every run's.
    folder = (run.parent if run.name.startswith("popen-") else run) / "rehearsed"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "answer.json").exists():
            demo = ("demo", "--agents", AGENTS, "--seconds", "8", "--home", folder / "home", "--json")
            try:
                answer = fleet.chimera(folder / "home", *demo)
                assert (answer.code, fleet.processes_of(folder / "home")) == (0, {}), answer
            finally:
                fleet.end_all(folder / "home")
            (folder / "answer.json").write_text(answer.out)
    return folder


@pytest.fixture
def home(rehearsed: Path, tmp_path: Path) -> Iterator[Path]:
    """A home of the test's own, in which that rehearsal took place."""
    folder = tmp_path / "home"
    shutil.copytree(rehearsed / "home", folder, ignore=shutil.ignore_patterns("run", "*.log"))
    yield folder
    fleet.end_all(folder)


@pytest.fixture
def hosted_rehearsal(home: Path) -> Iterator[None]:
    """That home's database running, for whoever runs many commands on it."""
    with homes.hosted(home):
        yield


@pytest.fixture
def new_home(tmp_path: Path) -> Iterator[Path]:
    """A home that does not exist yet."""
    folder = tmp_path / "home"
    yield folder
    fleet.end_all(folder)


@pytest.fixture
def ask(home: Path) -> Callable[[Ask], Any]:
    """Ask the stopped home's database something, as its superuser, who may do anything."""

    async def inside(question: Ask) -> Any:
        server = await start_postgres(home)
        connection = await asyncpg.connect(server.superuser_dsn)
        try:
            return await question(connection)
        finally:
            await connection.close()
            await server.stop()

    return lambda question: asyncio.run(inside(question))
