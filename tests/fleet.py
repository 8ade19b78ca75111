"""The `chimera` command as its users start it: in processes of its own, on a home of its own, ended by their pids."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROC = Path("/proc")
# A start after a crash, on a machine that has other work to do.
COMMAND_SECONDS_MAX = 280.0
# By what stands on its command line, beside the path of its home.
# So much of what a command said is told when its test fails.
SAID_CHARS_MAX = 6_000

ROLES = {
    "postgres": b"/postgres",
    "vault": b"chimera.adapters.vault.process",
    "network": b"chimera.connectors.sandbox.standing",
    "command": b"chimera.cli.start",
}


@dataclass(frozen=True)
class Answer:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def object(self) -> dict[str, Any]:
        """The one JSON object on stdout."""
        assert self.out.count("\n") == 1, (self.out, self.err)
        return json.loads(self.out)


def environment(home: Path, **more: str) -> dict[str, str]:
    """Ours, without any setting of ours, and with this home."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CHIMERA_")}
    return {**kept, "CHIMERA_HOME": str(home), "PYTHONOPTIMIZE": "", "PYTHONDONTWRITEBYTECODE": "", **more}


def chimera(home: Path, *arguments: object, **more: str) -> Answer:
    """Run one command to its end, with nothing on its stdin."""
    return typed(home, "", *arguments, **more)


def typed(home: Path, text: str, *arguments: object, **more: str) -> Answer:
    """Run one command to its end, with a text on its stdin."""
    done = subprocess.run(
        words(*arguments), env=environment(home, **more), capture_output=True, text=True, check=False,
        timeout=COMMAND_SECONDS_MAX, input=text,
    )  # fmt: skip
    return Answer(done.returncode, done.stdout, done.stderr)


def words(*arguments: object) -> list[str]:
    """The command line of a command."""
    return [sys.executable, "-m", "chimera.cli.start", *map(str, arguments)]


class Running:
    """A command that runs beside the test. Its words go to files, so that it never waits for a reader."""

    def __init__(self, home: Path, *arguments: object, **more: str) -> None:
        self.home = home
        self._out = home.with_name(f"{home.name}.out")
        self._err = home.with_name(f"{home.name}.err")
        with self._out.open("ab") as out, self._err.open("ab") as err:
            self._out_from, self._err_from = out.tell(), err.tell()
            self.process = subprocess.Popen(
                words(*arguments), env=environment(home, **more), stdout=out, stderr=err, stdin=subprocess.DEVNULL
            )

    @property
    def out(self) -> str:
        """What it said on stdout so far."""
        return self._out.read_bytes()[self._out_from :].decode()

    @property
    def err(self) -> str:
        """What it said on stderr so far."""
        return self._err.read_bytes()[self._err_from :].decode()

    def kill(self) -> None:
        """As if the power failed for this process alone."""
        self.process.kill()
        self.process.wait()

    def ended(self, seconds_max: float) -> Answer:
        """Wait for its end."""
        code = self.process.wait(timeout=seconds_max)
        return Answer(code, self.out, self.err)

    def stop(self, seconds_max: float) -> tuple[Answer, float]:
        """SIGTERM, and how many seconds it took to end."""
        since = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        answer = self.ended(seconds_max)
        return answer, time.monotonic() - since


@contextmanager
def running(home: Path, *arguments: object, **more: str) -> Generator[Running]:
    """A command for as long as the block runs; nothing of this home is left behind, whatever happens."""
    started = Running(home, *arguments, **more)
    try:
        yield started
    except BaseException:
        # With what the test did see: the files are gone when somebody asks.
        said = f"{started.out[-SAID_CHARS_MAX:]}\n{started.err[-SAID_CHARS_MAX:]}"
        sys.stderr.write(f"{' '.join(map(str, arguments))}: {started.process.poll()}\n{said}\n")
        raise
    finally:
        if started.process.poll() is None:
            started.kill()
        end_all(home)


def processes_of(home: Path) -> dict[str, int]:
    """The processes that work in this home, by their role. Children of PostgreSQL count as PostgreSQL."""
    found: dict[str, int] = {}
    for entry in PROC.iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        line = _command_line(entry)
        if os.fsencode(str(home)) + b"/" not in line.replace(b"\0", b"/"):
            continue
        for role, mark in ROLES.items():
            if mark in line:
                found.setdefault(role, int(entry.name))
    return found


def _command_line(entry: Path) -> bytes:
    try:
        if (entry / "stat").read_text().rpartition(")")[2].split()[0] in "ZX":
            return b""
        return (entry / "cmdline").read_bytes()
    except OSError:
        return b""


def end_all(home: Path) -> None:
    """End what is left of a home, each process by its own pid."""
    left: dict[str, int] = {}
    for _ in range(100):
        left = processes_of(home)
        if not left:
            return
        for pid in left.values():
            _signal(pid, signal.SIGKILL)
        time.sleep(0.1)
    raise AssertionError(f"processes of {home} do not end: {left}")


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def kill(home: Path, role: str) -> int:
    """Kill -9 of the process with that role."""
    pid = processes_of(home)[role]
    os.kill(pid, signal.SIGKILL)
    return pid


def until(happened: Callable[[], object], *, seconds_max: float, what: str) -> None:
    """Wait until something is the case, for a generous time."""
    end = time.monotonic() + seconds_max
    while not happened():
        assert time.monotonic() < end, f"after {seconds_max} s still not: {what}"
        time.sleep(0.05)


REQUIRED_KEYS = {
    "agents", "tasks", "published", "held", "refused", "attacks", "spent_micros", "events", "audit", "lost", "doubled",
    "overspent", "unresolved", "seconds",
}  # fmt: skip


def require_sound(summary: dict[str, Any]) -> None:
    """What every rehearsal must show, whatever was done to it."""
    assert summary.keys() >= REQUIRED_KEYS
    counters = {name: summary[name] for name in ("lost", "doubled", "overspent", "unresolved", "audit")}
    assert counters == {"lost": 0, "doubled": 0, "overspent": 0, "unresolved": 0, "audit": "verified"}
    moving = {"waiting", "ready", "leased", "granted", "in_doubt"} & summary["tasks"].keys()
    assert not moving, summary["tasks"]
    assert summary["attacks"]["caught"] == summary["attacks"]["planted"]
