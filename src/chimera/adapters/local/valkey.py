"""Runs one embedded Valkey in a home: starts it, adopts the one a killed process left, and ends it by its own id.

What it holds is never the truth, so it keeps nothing on disk unless asked; it has no user without a password.
"""

import asyncio
import hashlib
import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError

from chimera.adapters.local.home import (
    Lock,
    explained,
    hold_lock,
    keep_secret,
    leave_socket_folder,
    prepare_home,
    private_folder,
    require_free_disk,
    socket_folder,
    write_private,
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
)
from chimera.adapters.local.valkey_binary import PROGRAM, find_binary
from chimera.domain.errors import Invalid, Refused, Unavailable

SOCKET = "valkey.sock"
OWNER = "chimera"
MEMORY_MB_MAX = 256
READY_SECONDS_MAX = 30.0
ADOPT_SECONDS_MAX = 5.0
ANSWER_SECONDS_MAX = 5.0

STOP = (Step(signal.SIGTERM, 10.0),)
USER_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
# Categories, commands, keys and channels; nothing that sets a password or lets someone in without one.
RULE = re.compile(r"[+-][@a-z0-9|_-]+|%(R|W|RW)~[^\s\x00]+|[~&][^\s\x00]+|allkeys|allchannels|allcommands|nocommands")


@dataclass(frozen=True, slots=True)
class _Plan:
    """All that a start needs to know, fixed before anything is started."""

    home: Path
    data: Path
    log: Path
    sockets: Path
    binary: Path
    persist: bool
    memory_mb_max: int
    password: str = field(repr=False)

    @property
    def socket(self) -> Path:
        return self.sockets / SOCKET

    @property
    def config_file(self) -> Path:
        return self.data / "valkey.conf"

    @property
    def users_file(self) -> Path:
        return self.data / "users.acl"

    @property
    def pid_file(self) -> Path:
        return self.data / "valkey.pid"

    def config(self) -> str:
        lines = {
            "aclfile": _quoted(self.users_file),
            "appendonly": "yes" if self.persist else "no",
            "dir": _quoted(self.data),
            "enable-debug-command": "no",
            "enable-module-command": "no",
            "enable-protected-configs": "no",
            "hide-user-data-from-log": "yes",
            "loglevel": "warning",
            "maxmemory": f"{self.memory_mb_max}mb",
            # Only what was given a lifetime is a cache; a stream must not vanish from the middle.
            "maxmemory-policy": "volatile-lru",
            "pidfile": _quoted(self.pid_file),
            "port": "0",
            "save": '""',
            "set-proc-title": "no",
            "unixsocket": _quoted(self.socket),
            "unixsocketperm": "700",
        }
        return "".join(f"{name} {value}\n" for name, value in lines.items())


def _quoted(path: Path) -> str:
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'


class RunningValkey:
    """A server that this process answers for until `stop`."""

    def __init__(self, plan: _Plan, *, process: Seen, child: Child | None, lock: Lock) -> None:
        self._plan = plan
        self._process = process
        self._child = child
        self._lock = lock
        self.adopted = child is None

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def socket(self) -> Path:
        return self._plan.socket

    @property
    def log(self) -> Path:
        return self._plan.log

    @property
    def url(self) -> str:
        """The address of the owner, who may do everything."""
        return self._url(OWNER, self._plan.password)

    def url_of(self, user: str) -> str:
        """The address for a user that `write_acl` made."""
        return self._url(user, keep_secret(self._plan.home, _secret_name(user)))

    def _url(self, user: str, password: str) -> str:
        return _address(user, password, self.socket)

    def is_alive(self) -> bool:
        return is_alive(self._process)

    async def write_acl(self, users: Mapping[str, str]) -> None:
        """Replaces all users but the owner by these, each with its rules; who lost a right is cut off at once."""
        write_private(self._plan.users_file, _acl(self._plan, users))
        try:
            await _ask(self._plan, "ACL", "LOAD")
        except RedisError as fault:
            raise Invalid(
                "valkey_rules_refused",
                f"Valkey refused the rules of its users: {fault}",
                remedy="mend the rule that is named",
            ) from fault

    async def stop(self) -> None:
        """Ends the server. Twice does no harm."""
        await end(self._process, steps=STOP)
        if self._child:
            self._child.reap()
        self.socket.unlink(missing_ok=True)
        leave_socket_folder(self._plan.sockets, home=self._plan.home)
        self._lock.release()


async def start_valkey(
    home: Path,
    *,
    users: Mapping[str, str] | None = None,
    persist: bool = False,
    memory_mb_max: int = MEMORY_MB_MAX,
    runtime: Path | None = None,
) -> RunningValkey:
    """A Valkey that answers, on `home/valkey`, with these users: the one that is already there if it is healthy and
    alike, otherwise a new one.
    """
    binary = find_binary()
    path = prepare_home(home)
    folder = private_folder(path / "valkey", trusted=True)
    lock = hold_lock(folder / "lock", what=f"the Valkey in {folder}")
    try:
        plan = _Plan(
            home=path,
            data=folder,
            log=folder / "valkey.log",
            sockets=socket_folder(path, runtime=runtime),
            binary=binary,
            persist=persist,
            memory_mb_max=memory_mb_max,
            password=keep_secret(path, _secret_name(OWNER)),
        )
        write_private(plan.users_file, _acl(plan, users or {}))
        require_free_disk(path)
        return await _adopt(plan, lock=lock) or await _launch(plan, lock=lock)
    except BaseException:
        lock.release()
        raise


def valkey_url(home: Path, user: str) -> str:
    """The address of a user of the Valkey under this home, whether it runs or not."""
    path = prepare_home(home)
    return _address(user, keep_secret(path, _secret_name(user)), socket_folder(path) / SOCKET)


def _address(user: str, password: str, socket: Path) -> str:
    return f"unix://{user}:{quote(password, safe='')}@{quote(str(socket))}"


def _secret_name(user: str) -> str:
    if not USER_NAME.fullmatch(user):
        raise Invalid(
            "valkey_user_malformed",
            f"{user!r} cannot be the name of a Valkey user.",
            remedy="choose letters, digits and dashes",
        )
    return f"valkey-{user}"


def _acl(plan: _Plan, users: Mapping[str, str]) -> str:
    lines = ["user default off resetkeys resetchannels -@all", _acl_line(OWNER, plan.password, "~* &* +@all")]
    for user, rules in users.items():
        if user in {OWNER, "default"}:
            raise Invalid(
                "valkey_user_ours", f"The Valkey user {user} is decided by chimera.", remedy="choose another name"
            )
        wrong = [rule for rule in rules.split(" ") if not RULE.fullmatch(rule)]
        if wrong:
            raise Invalid(
                "valkey_rule_malformed", f"{wrong[0]!r} is not a rule that the user {user} can have.", remedy="mend it"
            )
        lines.append(_acl_line(user, keep_secret(plan.home, _secret_name(user)), rules))
    return "\n".join(lines) + "\n"


def _acl_line(user: str, password: str, rules: str) -> str:
    return f"user {user} on #{hashlib.sha256(password.encode()).hexdigest()} resetchannels {rules}"


async def _adopt(plan: _Plan, *, lock: Lock) -> RunningValkey | None:
    """The server that a killed process left behind, if it is healthy and started as we would start it; otherwise it is
    ended.
    """
    found = _recognised(plan)
    if found and _is_alike(plan, found) and await _is_healthy(plan, found):
        return RunningValkey(plan, process=found, child=None, lock=lock)
    for orphan in all_in(plan.data, program=PROGRAM) or ((found,) if found else ()):
        await end(orphan, steps=STOP)
    with explained(plan.socket):
        plan.pid_file.unlink(missing_ok=True)
        plan.socket.unlink(missing_ok=True)
    return None


def _recognised(plan: _Plan) -> Seen | None:
    try:
        pid = int(plan.pid_file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return recognise(pid, program=PROGRAM, folder=plan.data)


def _is_alike(plan: _Plan, found: Seen) -> bool:
    try:
        config = plan.config_file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
    return config == plan.config() and Path(found.program) == plan.binary.resolve()


async def _is_healthy(plan: _Plan, process: Seen) -> bool:
    try:
        await _until_ready(plan, process=process, seconds_max=ADOPT_SECONDS_MAX, since=log_size(plan.log))
        await _ask(plan, "ACL", "LOAD")
    except (Unavailable, Refused, RedisError):
        return False
    return True


async def _launch(plan: _Plan, *, lock: Lock) -> RunningValkey:
    prefix = await as_nobody_special(plan.binary, folder=plan.data)
    write_private(plan.config_file, plan.config())
    since = log_size(plan.log)
    # The configuration is read from standard input: a file is named by a pattern, and where the pattern fits nothing
    # Valkey starts with none, open to everybody on port 6379. The arguments make sure of that; `--dir` is for ps.
    command = (*prefix, str(plan.binary), "-", "--port", "0", "--dir", str(plan.data))
    child = spawn(command, folder=plan.data, log=plan.log, reads=plan.config_file)
    try:
        await _until_ready(plan, process=child.seen, seconds_max=READY_SECONDS_MAX, since=since)
    except BaseException:
        await end(child.seen, steps=STOP)
        child.reap()
        raise
    return RunningValkey(plan, process=child.seen, child=child, lock=lock)


async def _until_ready(plan: _Plan, *, process: Seen, seconds_max: float, since: int) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds_max
    while not await _lets_us_in(plan):
        if not is_alive(process):
            said = log_end(plan.log, since=since) or "it said nothing"
            raise Unavailable(
                "valkey_did_not_start",
                f"Valkey did not start: {said}",
                where=str(plan.log),
                remedy="see its log in the home",
            )
        if loop.time() >= deadline:
            raise Unavailable(
                "valkey_not_ready",
                f"Valkey did not answer within {seconds_max} s.",
                where=str(plan.log),
                remedy="try again; see its log in the home",
            )
        await asyncio.sleep(POLL_SECONDS)


async def _lets_us_in(plan: _Plan) -> bool:
    if not plan.socket.exists():
        return False
    try:
        await _ask(plan, "PING")
    except RedisError as fault:
        # redis-py wraps what goes wrong while it connects, a refused password included.
        if isinstance(fault, AuthenticationError) or isinstance(fault.__cause__, AuthenticationError):
            raise Refused(
                "valkey_password_wrong",
                "Valkey has another password than the home keeps.",
                where=str(plan.data),
                remedy="stop the Valkey that runs there",
            ) from fault
        return False
    return True


async def _ask(plan: _Plan, *words: str) -> None:
    client = Redis(
        unix_socket_path=str(plan.socket),
        username=OWNER,
        password=plan.password,
        socket_timeout=ANSWER_SECONDS_MAX,
        socket_connect_timeout=ANSWER_SECONDS_MAX,
        # We ask again ourselves; redis-py would wait for seconds in between.
        retry=Retry(NoBackoff(), 0),
    )
    try:
        await client.execute_command(*words)  # pyright: ignore[reportUnknownMemberType] - redis-py leaves it untyped
    finally:
        await client.aclose()
