"""Runs one embedded PostgreSQL in a home: starts it, adopts the one a killed process left, and ends it by its own id.

Makes no tables, and no role but the superuser; never starts a server that anybody can reach without a password.
"""

import asyncio
import re
import signal
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlencode

import asyncpg

from chimera.adapters.local.data_folder import (
    SUPERUSER,
    explain_output,
    forget_dead_server,
    make_data_folder,
    programs,
    read_pid_file,
    require_usable,
    was_started_with,
)
from chimera.adapters.local.home import (
    Lock,
    hold_lock,
    keep_secret,
    leave_socket_folder,
    prepare_home,
    private_folder,
    require_free_disk,
    secret_path,
    socket_folder,
)
from chimera.adapters.local.processes import (
    POLL_SECONDS,
    Child,
    Seen,
    Step,
    all_in,
    as_nobody_special,
    end,
    is_alive,
    log_end,
    log_size,
    recognise,
    spawn,
    until_gone,
)
from chimera.domain.errors import Invalid, Refused, Unavailable

PROGRAM = "postgres"
DATABASE = "chimera"
LOOPBACK = "127.0.0.1"
# On a socket the port is only a part of its name; each version has its own.
SOCKET_PORTS = {16: 5416, 18: 5418}

# Recovery after a crash can take a while; a server that is killed in it would begin it again.
READY_SECONDS_MAX = 300.0
ADOPT_SECONDS_MAX = 10.0
CONNECT_SECONDS_MAX = 5.0
ORPHANED_SECONDS_MAX = 5.0
PORT_ATTEMPTS_MAX = 3

FAST = (Step(signal.SIGINT, 30.0), Step(signal.SIGQUIT, 10.0))
PATIENT = (Step(signal.SIGTERM, 60.0), *FAST)
AT_ONCE = (Step(signal.SIGQUIT, 5.0),)

# For a part of a small machine. They go on the command line, so that no file in the data folder undoes them.
SETTINGS: Mapping[str, str] = {
    "autovacuum_max_workers": "2",
    # What makes room goes to the disk as it is written, and not all at once when the system has held it for half a
    # minute: the log's flushes stood behind that (ADR-228).
    "backend_flush_after": "2MB",
    # Room for new pages is made ahead, by a process that nobody waits for: for 500 in a second as the server comes,
    # where decisions need five thousand. Who committed wrote what was in the way himself, page by page (ADR-237).
    "bgwriter_delay": "20ms",
    "bgwriter_lru_maxpages": "5000",
    "bgwriter_lru_multiplier": "10",
    "checkpoint_timeout": "10min",
    # The work of a client that was killed is given up within seconds, and its locks with it.
    "client_connection_check_interval": "5s",
    "jit": "off",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    # A failing statement may hold a password or someone's words; the log gets only its error.
    "log_min_error_statement": "panic",
    "log_timezone": "UTC",
    # A hundred managers on one machine have five or six each, ten where they begin.
    "max_connections": "1000",
    # Parallel queries need /dev/shm, of which a container has 64 MB.
    "max_parallel_workers_per_gather": "0",
    "max_wal_senders": "2",
    "max_wal_size": "4GB",
    "password_encryption": "scram-sha-256",
    "random_page_cost": "1.1",
    # A hundred thousand memories take 260 MB with their index; one search touches 40 (ADR-197). Taken as touched.
    "shared_buffers": "384MB",
    "timezone": "UTC",
    # After a checkpoint pages go into the log whole: compressing them took longer than writing them (ADR-233).
    "wal_compression": "off",
    # A new piece of the log would be filled with zeros and flushed first, while everybody waits (ADR-228).
    "wal_init_zero": "off",
    "work_mem": "8MB",
}
DURABLE: Mapping[str, str] = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
THROWAWAY: Mapping[str, str] = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}

# A batch is a few megabytes, asked for and given back many times a second. Given back to the kernel each time, its
# pages are faulted in and zeroed each time: 4 % of what a decision takes (ADR-209). A connection keeps up to 32 MB.
KEEPS_FREED_MEMORY: Mapping[str, str] = {
    "MALLOC_MMAP_THRESHOLD_": str(32 * 1024 * 1024),
    "MALLOC_TOP_PAD_": str(1024 * 1024),
    "MALLOC_TRIM_THRESHOLD_": str(32 * 1024 * 1024),
}

SETTING_NAME = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?")
SETTINGS_OURS = frozenset(DURABLE) | {
    "config_file",
    "data_directory",
    "external_pid_file",
    "hba_file",
    "ident_file",
    "listen_addresses",
    "password_encryption",
    "port",
    "unix_socket_directories",
    "unix_socket_group",
    "unix_socket_permissions",
}


@dataclass(frozen=True, slots=True)
class PostgresSettings:
    """What can be chosen: more parameters of PostgreSQL, loopback TCP beside the socket, and the runtime folder for a
    home whose path is too long. Not durable is for the throw-away servers of tests.
    """

    more: Mapping[str, str] = field(default_factory=dict[str, str])
    tcp: bool = False
    durable: bool = True
    runtime: Path | None = None

    def parameters(self) -> dict[str, str]:
        return {**SETTINGS, **_checked(self.more), **(DURABLE if self.durable else THROWAWAY)}


ORDINARY = PostgresSettings()


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is reached: by its socket, and by loopback TCP where that was asked for."""

    sockets: Path
    port: int
    tcp: bool = False

    def dsn(self, role: str, password: str, *, database: str = DATABASE, tcp: bool = False) -> str:
        who = f"{quote(role, safe='')}:{quote(password, safe='')}"
        if not tcp:
            place = urlencode({"host": str(self.sockets), "port": self.port}, quote_via=quote)
            return f"postgresql://{who}@/{quote(database, safe='')}?{place}"
        if not self.tcp:
            raise Invalid(
                "postgres_without_tcp", "This PostgreSQL was started without TCP.", remedy="Start it with tcp."
            )
        return f"postgresql://{who}@{LOOPBACK}:{self.port}/{quote(database, safe='')}"


@dataclass(frozen=True, slots=True)
class _Plan:
    """All that a start needs to know, fixed before anything is started."""

    home: Path
    data: Path
    log: Path
    sockets: Path
    major: int
    tcp: bool
    parameters: Mapping[str, str]
    password: str = field(repr=False)

    @property
    def socket_port(self) -> int:
        return SOCKET_PORTS[self.major]

    def arguments(self, *, port: int) -> tuple[str, ...]:
        chosen = {
            **self.parameters,
            "listen_addresses": LOOPBACK if self.tcp else "",
            "port": str(port),
            "unix_socket_directories": str(self.sockets),
            "unix_socket_permissions": "0700",
        }
        words = tuple(word for name, value in sorted(chosen.items()) for word in ("-c", f"{name}={value}"))
        return ("-D", str(self.data), *words)

    def address(self, *, port: int) -> Address:
        return Address(sockets=self.sockets, port=port, tcp=self.tcp)


class RunningPostgres:
    """A server that this process answers for until `stop`."""

    def __init__(self, plan: _Plan, *, port: int, process: Seen, child: Child | None, lock: Lock) -> None:
        self._plan = plan
        self._process = process
        self._child = child
        self._lock = lock
        self.address = plan.address(port=port)
        self.adopted = child is None

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def data(self) -> Path:
        return self._plan.data

    @property
    def log(self) -> Path:
        return self._plan.log

    @property
    def superuser_dsn(self) -> str:
        return self.dsn(SUPERUSER, self._plan.password)

    def dsn(self, role: str, password: str, *, database: str = DATABASE, tcp: bool = False) -> str:
        return self.address.dsn(role, password, database=database, tcp=tcp)

    def is_alive(self) -> bool:
        return is_alive(self._process)

    async def stop(self, *, fast: bool = True) -> None:
        """Ends the server: fast breaks connections off, otherwise they get a minute. Twice does no harm."""
        await end(self._process, steps=FAST if fast else PATIENT)
        if self._child:
            self._child.reap()
        leave_socket_folder(self._plan.sockets, home=self._plan.home)
        self._lock.release()


async def start_postgres(
    home: Path,
    *,
    major: int = 18,
    settings: PostgresSettings = ORDINARY,
) -> RunningPostgres:
    """A PostgreSQL that answers, on `home/postgres/<major>`: the one that is already there if it is healthy and alike,
    otherwise a new one.
    """
    binary = programs(major) / PROGRAM
    chosen = settings.parameters()
    path = prepare_home(home)
    folder = private_folder(path / "postgres", trusted=True)
    lock = hold_lock(folder / f"{major}.lock", what=f"the PostgreSQL in {folder}")
    try:
        prefix = await as_nobody_special(binary, folder=folder)
        password = await _prepare_data(path, folder / str(major), major=major, prefix=prefix)
        plan = _Plan(
            home=path,
            data=folder / str(major),
            log=folder / f"{major}.log",
            sockets=socket_folder(path, runtime=settings.runtime),
            major=major,
            tcp=settings.tcp,
            parameters=chosen,
            password=password,
        )
        return await _adopt(plan, lock=lock) or await _launch(plan, command=(*prefix, str(binary)), lock=lock)
    except BaseException:
        lock.release()
        raise


def _checked(settings: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in settings.items():
        if not SETTING_NAME.fullmatch(name) or any(ord(letter) < ord(" ") for letter in value):
            raise Invalid(
                "postgres_setting_malformed", f"{name!r}={value!r} is not a PostgreSQL setting.", remedy="mend it"
            )
        if name in SETTINGS_OURS:
            raise Invalid(
                "postgres_setting_ours",
                f"The PostgreSQL setting {name} is decided by chimera.",
                remedy="Leave it out, or set CHIMERA_DATABASE_URL to a server of your own.",
            )
    return settings


async def _prepare_data(home: Path, data: Path, *, major: int, prefix: tuple[str, ...]) -> str:
    """Makes the data folder unless it is there, and gives the superuser's password."""
    name = f"postgres-{major}-{SUPERUSER}"
    is_there = require_usable(data, major=major)
    if is_there and not secret_path(home, name).exists():
        raise Refused(
            "postgres_password_missing",
            f"The password of the data in {data} is missing.",
            where=str(secret_path(home, name)),
            remedy="Restore the file from a backup; a new one would not open the data.",
        )
    password = keep_secret(home, name)
    require_free_disk(home)
    if not is_there:
        await make_data_folder(data, major=major, prefix=prefix, password_file=secret_path(home, name))
    return password


async def _adopt(plan: _Plan, *, lock: Lock) -> RunningPostgres | None:
    """The server that a killed process left behind, if it is healthy and started as we would start it; otherwise it is
    ended, and nothing of it is in the way of the next.
    """
    claim = read_pid_file(plan.data)
    found = recognise(claim.pid, program=PROGRAM, folder=plan.data) if claim else None
    if claim and found:
        if _is_alike(plan, port=claim.port, sockets=claim.sockets, program=found.program) and await _is_healthy(
            plan, port=claim.port, process=found
        ):
            return RunningPostgres(plan, port=claim.port, process=found, child=None, lock=lock)
        await end(found, steps=FAST)
    for orphan in all_in(plan.data, program=PROGRAM):
        # They end by themselves when they notice that their parent has; a new server must not share memory with them.
        if not await until_gone(orphan, seconds_max=ORPHANED_SECONDS_MAX):
            await end(orphan, steps=AT_ONCE)
    forget_dead_server(plan.data, sockets=plan.sockets, port=claim.port if claim else plan.socket_port)
    return None


def _is_alike(plan: _Plan, *, port: int, sockets: str, program: str) -> bool:
    """A server from a replaced wheel, or with other settings, is not what was asked for."""
    is_current = Path(program) == (programs(plan.major) / PROGRAM).resolve() or not Path(program).is_absolute()
    is_here = Path(sockets) == plan.sockets and (plan.tcp or port == plan.socket_port)
    return is_current and is_here and was_started_with(plan.data, plan.arguments(port=port))


async def _is_healthy(plan: _Plan, *, port: int, process: Seen) -> bool:
    try:
        await _until_ready(plan, port=port, process=process, seconds_max=ADOPT_SECONDS_MAX, since=log_size(plan.log))
    except Unavailable:
        return False
    return True


async def _launch(plan: _Plan, *, command: tuple[str, ...], lock: Lock) -> RunningPostgres:
    for attempt in range(1, PORT_ATTEMPTS_MAX + 1):
        port = _free_port() if plan.tcp else plan.socket_port
        since = log_size(plan.log)
        child = spawn(
            (*command, *plan.arguments(port=port)), folder=plan.home, log=plan.log, allocator=KEEPS_FREED_MEMORY
        )
        try:
            await _until_ready(plan, port=port, process=child.seen, seconds_max=READY_SECONDS_MAX, since=since)
        except Unavailable as fault:
            await _abandon(child)
            # Somebody may take the free port between our look and the server's.
            if fault.code != "port_taken" or attempt == PORT_ATTEMPTS_MAX:
                raise
        except BaseException:
            await _abandon(child)
            raise
        else:
            return RunningPostgres(plan, port=port, process=child.seen, child=child, lock=lock)
    raise AssertionError("the last attempt returns or raises")


async def _abandon(child: Child) -> None:
    await end(child.seen, steps=FAST)
    child.reap()


def _free_port() -> int:
    with socket.socket(socket.AF_INET) as line:
        line.bind((LOOPBACK, 0))
        return int(line.getsockname()[1])


async def _until_ready(plan: _Plan, *, port: int, process: Seen, seconds_max: float, since: int) -> None:
    """Ready is a server that lets us in, not one that has had time, nor one that only says it is."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds_max
    while not await _lets_us_in(plan, port=port):
        if not is_alive(process):
            output = log_end(plan.log, since=since)
            raise explain_output(output, where=str(plan.log), what="PostgreSQL did not start")
        if loop.time() >= deadline:
            raise Unavailable(
                "postgres_not_ready",
                f"PostgreSQL did not answer within {seconds_max} s.",
                where=str(plan.log),
                remedy="try again; see the log beside the data",
            )
        await asyncio.sleep(POLL_SECONDS)


async def _lets_us_in(plan: _Plan, *, port: int) -> bool:
    claim = read_pid_file(plan.data)
    if claim is None or not claim.is_ready:
        # Knocking earlier only fills its log.
        return False
    try:
        await _make_database(plan.address(port=port).dsn(SUPERUSER, plan.password, database="postgres"))
    except asyncpg.InvalidAuthorizationSpecificationError as fault:
        raise Refused(
            "postgres_password_wrong",
            f"The data in {plan.data} has another password than the one kept in the home.",
            where=str(plan.data),
            remedy="Restore the home's folder `secrets` from the same backup as its data.",
        ) from fault
    except (OSError, asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError):
        return False
    return True


async def _make_database(dsn: str) -> None:
    connection = await asyncpg.connect(dsn, timeout=CONNECT_SECONDS_MAX)
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
            await connection.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        await connection.close()
