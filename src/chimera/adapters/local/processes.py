"""Starts, recognises and ends server processes, each by its own id.

Never signals a process that it has not recognised a moment before; knows nothing of what the servers do.
"""

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from chimera.adapters.local.home import PRIVATE_FILE_MODE, explained
from chimera.domain.errors import Refused, Unavailable

LOG_BYTES_MAX = 8 * 1024 * 1024
LOG_TAIL_BYTES = 4096
POLL_SECONDS = 0.01
PROBE_SECONDS_MAX = 10.0
KILLED_SECONDS_MAX = 10.0
USER_ID_LAST = 60_000

PROC = Path("/proc")
HAS_PROC = (PROC / "self" / "stat").exists()

# Servers get nothing of our environment: it may hold keys, and PGDATA or LD_PRELOAD would change what they do.
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
# How the C library keeps memory, where a server is better off with something else than it does by itself.
NO_ALLOCATOR: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Seen:
    """A process as it was seen. The mark of its birth tells it from a later process with the same number."""

    pid: int
    born: str
    program: str


@dataclass(frozen=True, slots=True)
class Step:
    """A signal, and how long it may take to work."""

    signal: signal.Signals
    seconds_max: float


def look(pid: int) -> Seen | None:
    """The process with that number, unless there is none or it is only waiting to be reaped."""
    if pid <= 0:
        return None
    return _look_in_proc(pid) if HAS_PROC else _look_with_ps(pid)


def _look_in_proc(pid: int) -> Seen | None:
    try:
        state, *numbers = (PROC / str(pid) / "stat").read_bytes().decode("utf-8", "replace").rpartition(")")[2].split()
        program = str((PROC / str(pid) / "exe").readlink()) if state not in "ZX" else ""
    except (FileNotFoundError, ProcessLookupError):
        return None
    except PermissionError:
        # A process whose program we may not see is not one of ours.
        return Seen(pid, "", "")
    # The start time is field 22 of the line, the nineteenth after the state.
    return Seen(pid, numbers[18], program) if state not in "ZX" else None


def _look_with_ps(pid: int) -> Seen | None:
    born, program = _ps(pid, "lstart"), _ps(pid, "comm")
    return Seen(pid, born, program) if born and "Z" not in _ps(pid, "stat") else None


def _ps(pid: int, column: str) -> str:
    command = ["/bin/ps", "-ww", "-p", str(pid), "-o", f"{column}="]
    answer = subprocess.run(command, capture_output=True, check=False, timeout=PROBE_SECONDS_MAX)
    return answer.stdout.decode("utf-8", "replace").strip()


def is_alive(process: Seen) -> bool:
    found = look(process.pid)
    return found is not None and found.born == process.born


def recognise(pid: int, *, program: str, folder: Path) -> Seen | None:
    """The process, if it runs that program in that folder; a process that merely got the number is not it."""
    found = look(pid)
    if found is None or Path(found.program.removesuffix(" (deleted)")).name != program:
        return None
    return found if _works_in(pid, folder) else None


def _works_in(pid: int, folder: Path) -> bool:
    if not HAS_PROC:
        return str(folder) in _ps(pid, "command")
    try:
        return os.path.samestat((PROC / str(pid) / "cwd").stat(), folder.stat())
    except OSError:
        return False


def all_in(folder: Path, *, program: str) -> tuple[Seen, ...]:
    """Every process that runs the program in the folder. Needs /proc; elsewhere the answer is empty."""
    pids = [int(entry.name) for entry in PROC.iterdir() if entry.name.isdecimal()] if HAS_PROC else []
    return tuple(found for pid in pids if (found := recognise(pid, program=program, folder=folder)))


def send(process: Seen, number: signal.Signals) -> None:
    """Signals exactly this process: the descriptor comes before the look, so the number cannot change hands."""
    descriptor = _open_pidfd(process.pid)
    try:
        if not is_alive(process):
            return
        with suppress(ProcessLookupError):
            if sys.platform == "linux" and descriptor is not None:
                signal.pidfd_send_signal(descriptor, number)
            else:
                os.kill(process.pid, number)
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _open_pidfd(pid: int) -> int | None:
    if sys.platform != "linux":
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:
        # Gone, or a kernel or sandbox without the call; the look that follows tells which.
        return None


async def until_gone(process: Seen, *, seconds_max: float) -> bool:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds_max
    while is_alive(process):
        if loop.time() >= deadline:
            return False
        await asyncio.sleep(POLL_SECONDS)
    return True


async def end(process: Seen, *, steps: Sequence[Step]) -> None:
    """Ends the process, gently first, by force at last."""
    for step in (*steps, Step(signal.SIGKILL, KILLED_SECONDS_MAX)):
        send(process, step.signal)
        if await until_gone(process, seconds_max=step.seconds_max):
            return
    raise Unavailable(
        "process_will_not_end",
        f"Process {process.pid} ({process.program}) does not end, even when killed.",
        remedy="It may be waiting for a disk that does not answer; see the system's log.",
    )


class Child:
    """A server that this process started. It outlives us on purpose: the next start adopts it."""

    def __init__(self, popen: subprocess.Popen[bytes], seen: Seen) -> None:
        self._popen = popen
        self.seen = seen

    def reap(self) -> None:
        """Takes the exit code of a child that has ended, so that the system can forget it."""
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(timeout=PROBE_SECONDS_MAX)


def spawn(
    command: Sequence[str], *, folder: Path, log: Path, reads: Path = Path(os.devnull),
    allocator: Mapping[str, str] = NO_ALLOCATOR,
) -> Child:  # fmt: skip
    """Starts a server in its own session, where a Ctrl-C meant for us does not reach it; its words go to the log."""
    with explained(log):
        if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
            log.replace(log.with_name(log.name + ".1"))
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE_FILE_MODE)
        told = os.open(reads, os.O_RDONLY | os.O_CLOEXEC)
    try:
        popen = subprocess.Popen(
            command,
            cwd=folder,
            env={**allocator, **ENVIRONMENT},
            stdin=told,
            stdout=output,
            stderr=output,
            start_new_session=True,
            umask=0o077,
        )
    finally:
        os.close(output)
        os.close(told)
    return Child(popen, look(popen.pid) or Seen(popen.pid, "", ""))


def cut_log(log: Path) -> bool:
    """While its server goes on writing: what has become too long is kept beside it, once, and begins anew.

    Servers append, so that the next line stands at the new beginning. What is written between the two steps is lost.
    """
    with explained(log):
        if not log.exists() or log.stat().st_size <= LOG_BYTES_MAX:
            return False
        before = log.with_name(log.name + ".1")
        before.unlink(missing_ok=True)
        kept = os.open(before, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE_MODE)
        with log.open("rb") as old, os.fdopen(kept, "wb") as new:
            # The newest of it: a server that was loud for a while must not fill the disk a second time.
            old.seek(-LOG_BYTES_MAX, os.SEEK_END)
            shutil.copyfileobj(old, new)
        os.truncate(log, 0)
    return True


def log_end(log: Path, *, since: int) -> str:
    """What a server wrote to its log since it was started, at most the last few kilobytes."""
    with explained(log), log.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - LOG_TAIL_BYTES, min(since, size)))
        return file.read().decode("utf-8", "replace").strip()


def log_size(log: Path) -> int:
    size = log.stat().st_size if log.exists() else 0
    return 0 if size > LOG_BYTES_MAX else size


async def run_to_end(command: Sequence[str], *, folder: Path, seconds_max: float) -> tuple[int, str]:
    """Runs a short program and gives its exit code and output. Nothing of it is left behind, whatever happens."""
    child = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=ENVIRONMENT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(seconds_max):
            output, _ = await child.communicate()
    except TimeoutError as fault:
        raise Unavailable(
            "program_too_slow",
            f"{command[0]} took more than {seconds_max} s.",
            remedy="look for a disk or machine that is overloaded",
        ) from fault
    finally:
        if child.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            await child.wait()
    assert child.returncode is not None
    return child.returncode, output.decode("utf-8", "replace").strip()


async def as_nobody_special(program: Path, *, folder: Path) -> tuple[str, ...]:
    """The words to put before a command so that it does not run as root, nor as a user without a name.

    PostgreSQL refuses root, and its initdb a user that the system has no name for. In a user namespace the process has
    another number inside and, outside, still owns our files, without root's power over those of others.
    """
    user = os.geteuid()
    if user != 0 and _has_name(user):
        return ()
    unshare = shutil.which("unshare", path=os.defpath)
    if unshare is None:
        raise _no_namespaces("there is no program `unshare` (Debian: apt-get install util-linux)")
    number = str(_ordinary_user())
    prefix = (unshare, "-U", f"--map-user={number}", f"--map-group={number}", "--")
    test = shutil.which("test", path=os.defpath) or "/usr/bin/test"
    code, output = await run_to_end(
        (*prefix, test, "-w", str(folder), "-a", "-x", str(program)), folder=Path("/"), seconds_max=PROBE_SECONDS_MAX
    )
    if code == 0:
        return prefix
    if output:
        raise _no_namespaces(output)
    raise Refused(
        "home_not_reachable",
        f"Without root's power, {folder} cannot be written to or {program} cannot be run.",
        where=str(folder),
        remedy="Choose a home whose parent folders root may enter as their owner, such as /root/.chimera or "
        "/var/lib/chimera, or run chimera as the user who owns these folders.",
    )


def _has_name(user: int) -> bool:
    try:
        pwd.getpwuid(user)
    except KeyError:
        return False
    return True


def _ordinary_user() -> int:
    """A number that is not root's and has a name here: 1000 where it has one, otherwise the first that does."""
    numbers = sorted(entry.pw_uid for entry in pwd.getpwall() if 0 < entry.pw_uid < USER_ID_LAST)
    return 1000 if 1000 in numbers or not numbers else numbers[0]


def _no_namespaces(why: str) -> Refused:
    return Refused(
        "root_without_user_namespaces",
        f"PostgreSQL does not run as user {os.geteuid()} (root, or without a name), and there is no user namespace "
        f"for it: {why}.",
        remedy="Run chimera as an ordinary user with a CHIMERA_HOME of its own (useradd -m chimera), or set "
        "CHIMERA_DATABASE_URL to a PostgreSQL server, or allow user namespaces (sysctl user.max_user_namespaces; "
        "in Docker: --user, or --security-opt seccomp=unconfined).",
    )
