"""The rehearsal's network as a process beside us: started, found again after a crash, ended with its report."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec

from chimera.adapters.local.commands import words_of
from chimera.adapters.local.keeping import keep_log_short
from chimera.adapters.local.processes import cut_log
from chimera.domain.errors import Unavailable
from chimera.rehearsal.scenario import Scenario
from chimera.rehearsal.standing import Order, Report, Whereabouts, write

START_SECONDS_MAX = 120.0
END_SECONDS_MAX = 20.0
POLL_SECONDS = 0.05
# It appends, so that the log can be cut while it writes.
LOG = "network.log"


class NetworkProcess:
    """A network of one scenario. Killing us does not kill it: that is what a network is like."""

    def __init__(self, folder: Path, where: Whereabouts, child: subprocess.Popen[bytes] | None) -> None:
        self._folder = folder
        self._where = where
        self._child = child
        self._report: Report | None = None

    @property
    def url(self) -> str:
        """Where it speaks MCP."""
        return f"http://127.0.0.1:{self._where.port}/mcp"

    @classmethod
    async def join(cls, folder: Path, scenario: Scenario, accounts: tuple[str, ...]) -> NetworkProcess:
        """The network that runs for this folder, or a new one."""
        found = _found(folder)
        if found is not None:
            return cls(folder, found, None)
        child = _start(folder, Order(scenario=scenario, accounts=accounts))
        try:
            return cls(folder, await _started(folder, child), child)
        except BaseException:
            # Whoever is stopped while it comes up leaves nothing behind.
            child.kill()
            child.wait()
            raise

    async def end(self) -> Report:
        """Tell it to end, and read what it saw. Asked again, it answers the same."""
        if self._report is None:
            await self._end()
            self._report = _report(self._folder)
        return self._report

    async def _end(self) -> None:
        if _is_alive(self._where.pid):
            os.kill(self._where.pid, signal.SIGTERM)
        async with asyncio.timeout(END_SECONDS_MAX):
            while _is_alive(self._where.pid, self._child):  # noqa: ASYNC110 – an adopted process tells nobody its end.
                await asyncio.sleep(POLL_SECONDS)


@contextlib.asynccontextmanager
async def network_of(folder: Path, scenario: Scenario, accounts: tuple[str, ...]) -> AsyncGenerator[NetworkProcess]:
    """The network of a rehearsal for as long as the block runs. Only a killed rehearsal leaves it behind, running."""
    network = await NetworkProcess.join(folder, scenario, accounts)
    log = folder / LOG
    keeping = asyncio.create_task(keep_log_short("the simulated network", lambda: log))
    try:
        yield network
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        # Whoever wants its report has asked for it in the block.
        with contextlib.suppress(Unavailable, TimeoutError):
            await network.end()


def running_network(folder: Path) -> str:
    """Where the network of this folder speaks MCP, if it runs."""
    found = _found(folder)
    if found is None:
        raise Unavailable("network_not_running", "no simulated network runs on this home", where=str(folder),
                          remedy="start `chimera office` or `chimera up` first")  # fmt: skip
    return NetworkProcess(folder, found, None).url


def _start(folder: Path, order: Order) -> subprocess.Popen[bytes]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "network.json").unlink(missing_ok=True)
    if (folder / "report.json").exists():
        (folder / "report.json").replace(folder / "before.json")
    write(folder / "scenario.json", order)
    # One that was left behind by a killed rehearsal has had nobody to keep it short.
    cut_log(folder / LOG)
    with (folder / LOG).open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "chimera.connectors.sandbox.standing", "--folder", str(folder)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip


def _report(folder: Path) -> Report:
    (folder / "network.json").unlink(missing_ok=True)
    try:
        return msgspec.json.decode((folder / "report.json").read_bytes(), type=Report)
    except OSError as error:
        raise Unavailable("network_report_missing", "the network ended without its report",
                          where=str(folder / LOG), remedy="the log says why") from error  # fmt: skip


def _found(folder: Path) -> Whereabouts | None:
    try:
        where = msgspec.json.decode((folder / "network.json").read_bytes(), type=Whereabouts)
    except (OSError, msgspec.DecodeError):
        return None
    return where if _is_alive(where.pid) and _is_network(where.pid, folder) else None


def _is_network(pid: int, folder: Path) -> bool:
    """Pids are used again: only a process that was started as our network for this folder counts."""
    words = words_of(pid)
    return "chimera.connectors.sandbox.standing" in words and str(folder) in words


def _is_alive(pid: int, child: subprocess.Popen[bytes] | None = None) -> bool:
    if child is not None and child.poll() is not None:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (OSError, IndexError):
        return False


async def _started(folder: Path, child: subprocess.Popen[bytes]) -> Whereabouts:
    try:
        async with asyncio.timeout(START_SECONDS_MAX):
            while child.poll() is None:
                where = _found(folder)
                if where is not None:
                    return where
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        said = f"the simulated network did not come up within {START_SECONDS_MAX:.0f} s"
    else:
        said = "the simulated network ended while it came up"
    raise Unavailable("network_not_started", said, where=str(folder / LOG), remedy="the log says why")
