"""Keeps one installation's folder: private, locked by one process, with room on the disk and secrets in own files.

Has the file system and nothing else; starts no process and knows no database.
"""

import errno
import fcntl
import hashlib
import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from chimera.adapters.local.commands import command_of
from chimera.domain.errors import ChimeraError, Conflict, Invalid, Refused, Unavailable

DISK_FREE_BYTES_MIN = 512 * 1024 * 1024
SECRET_BYTES = 32
SECRET_FILE_BYTES_MAX = 4096
# macOS allows 103 bytes and Linux 107; one limit for both keeps a home portable.
SOCKET_PATH_BYTES_MAX = 103
SOCKET_PATH_PLAIN = re.compile(r"[A-Za-z0-9/._+@~-]+")
SOCKET_NAME_LONGEST = ".s.PGSQL.65535"

PASSING = "passing\n"

PRIVATE_FOLDER_MODE = 0o700
PRIVATE_FILE_MODE = 0o600
OTHERS = 0o077


class Lock:
    """A lock on a file. The kernel drops it with the process, however that ends; children do not inherit it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def release(self) -> None:
        if self._descriptor >= 0:
            os.ftruncate(self._descriptor, 0)
            # A child that is just being started shares the file until it runs its program; so unlock, not only close.
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            os.close(self._descriptor)
            self._descriptor = -1


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of one installation, held by this process until `close`."""

    folder: Path
    lock: Lock

    @classmethod
    def open(cls, folder: Path, *, free_bytes_min: int = DISK_FREE_BYTES_MIN, passing: bool = False) -> Self:
        """Take the home. `passing` tells others that this is one command, which soon ends."""
        path = prepare_home(folder)
        require_free_disk(path, free_bytes_min=free_bytes_min)
        return cls(folder=path, lock=hold_lock(path / "lock", what=f"the home {path}", passing=passing))

    def close(self) -> None:
        self.lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def prepare_home(folder: Path) -> Path:
    """The home as an absolute path: made when missing, narrowed to its owner, and certainly writable."""
    path = plain_path(folder)
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        private_folder(path, trusted=(path / "lock").is_file())
        descriptor, probe = tempfile.mkstemp(prefix=".writable-", dir=path)
        os.close(descriptor)
        Path(probe).unlink()
    return path


def plain_path(folder: Path) -> Path:
    """An absolute path without links, which the line-based files of the servers can hold."""
    path = folder.expanduser().resolve()
    if any(ord(letter) < ord(" ") or 0xD800 <= ord(letter) <= 0xDFFF for letter in str(path)):
        raise Invalid(
            "home_path_unreadable",
            f"The folder name {str(path)!r} holds control characters or is not text.",
            remedy="Choose a folder with an ordinary name.",
        )
    return path


def private_folder(path: Path, *, trusted: bool = False) -> Path:
    """Makes the folder, or takes it if it is ours, with mode 700.

    A folder that others could open is narrowed only when it is empty or trusted (inside the home): anywhere else they
    may have put something in, or it may be a folder that others need.
    """
    with explained(path):
        try:
            path.mkdir(mode=PRIVATE_FOLDER_MODE)
        except FileExistsError:
            _require_own_folder(path, trusted=trusted)
        if stat.S_IMODE(path.lstat().st_mode) != PRIVATE_FOLDER_MODE:
            path.chmod(PRIVATE_FOLDER_MODE)
    return path


def _require_own_folder(path: Path, *, trusted: bool) -> None:
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise Refused("folder_not_a_folder", f"{path} is not a folder.", where=str(path), remedy="Move it away.")
    if found.st_uid != os.geteuid():
        raise Refused(
            "folder_of_another_user",
            f"{path} belongs to user {found.st_uid}, and this is user {os.geteuid()}.",
            where=str(path),
            remedy="Choose a folder of your own with CHIMERA_HOME, or give this one to the user that runs chimera.",
        )
    if found.st_mode & OTHERS and not trusted and any(path.iterdir()):
        raise Refused(
            "folder_open_to_others",
            f"{path} is not empty, can be opened by other users, and was not made by chimera.",
            where=str(path),
            remedy=f"Choose an empty folder, or, if all of it is meant for chimera: chmod 700 {path}",
        )


def socket_folder(home: Path, *, runtime: Path | None = None) -> Path:
    """Where the servers' sockets lie: `home/run`.

    Where that path is too long for a socket, or has signs that mean something in an address (a comma: several hosts):
    `chimera-<user>-<hash of the home>` in the runtime folder, by default the system's folder for temporary files. The
    name is the same at every start, so a server can be found again.
    """
    inside = home / "run"
    if _fits_a_socket(inside):
        return private_folder(inside, trusted=True)
    mark = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
    outside = plain_path(runtime or Path(tempfile.gettempdir())) / f"chimera-{os.geteuid()}-{mark}"
    if _fits_a_socket(outside):
        return private_folder(outside)
    raise Invalid(
        "socket_path_unfit",
        f"A socket in {outside} would have a name of more than {SOCKET_PATH_BYTES_MAX} bytes, or with odd signs in it.",
        where=str(outside),
        remedy="Choose a shorter and plainer home, or runtime folder (such as /tmp).",
    )


def _fits_a_socket(folder: Path) -> bool:
    is_short = len(os.fsencode(folder / SOCKET_NAME_LONGEST)) <= SOCKET_PATH_BYTES_MAX
    return is_short and SOCKET_PATH_PLAIN.fullmatch(str(folder)) is not None


def leave_socket_folder(folder: Path, *, home: Path) -> None:
    """Removes a socket folder outside the home once it is empty."""
    if folder.parent != home and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def hold_lock(path: Path, *, what: str, passing: bool = False) -> Lock:
    """Takes the lock for as long as this process lives, or says which process has it."""
    with explained(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE_FILE_MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n{PASSING if passing else ''}".encode())
    except BlockingIOError:
        holder = os.read(descriptor, 64).decode("ascii", "replace")
        os.close(descriptor)
        raise _taken(path, what, holder) from None
    except OSError as fault:
        os.close(descriptor)
        raise explain(fault, path) from fault
    return Lock(descriptor)


def _taken(path: Path, what: str, holder: str) -> Conflict:
    """Who has it. Whoever has just taken it and has not said who it is counts as passing."""
    number, _, mark = holder.partition("\n")
    named = command_of(int(number)) if number.isdecimal() else ""
    process = f"{number or 'unknown'} (`{named}`)" if named else number or "unknown"
    if mark == PASSING or not number:
        return Conflict(
            "home_busy",
            f"Process {process} is at a command on {what}.",
            where=str(path),
            remedy="Try again when it has ended.",
        )
    return Conflict(
        "home_in_use",
        f"Process {process} is using {what}.",
        where=str(path),
        remedy=f"Stop process {number} first, or choose another home with CHIMERA_HOME.",
    )


def require_free_disk(path: Path, *, free_bytes_min: int = DISK_FREE_BYTES_MIN) -> None:
    with explained(path):
        free_bytes = shutil.disk_usage(path).free
    if free_bytes < free_bytes_min:
        raise Unavailable(
            "disk_full",
            f"{free_bytes >> 20} MiB are free on the disk of {path}, and {free_bytes_min >> 20} MiB are needed.",
            where=str(path),
            remedy="Free some space, or choose a home on another disk with CHIMERA_HOME.",
        )


def secret_path(home: Path, name: str) -> Path:
    return home / "secrets" / name


def keep_secret(home: Path, name: str) -> str:
    """The secret of that name, made at random the first time."""
    path = secret_path(home, name)
    private_folder(path.parent, trusted=True)
    if not os.path.lexists(path):
        write_private(path, secrets.token_urlsafe(SECRET_BYTES) + "\n", only_if_new=True)
    return read_secret(path)


def read_secret(path: Path) -> str:
    """Reads a secret from a file that is ours and that nobody else may read."""
    with explained(path):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            text = file.read(SECRET_FILE_BYTES_MAX).decode("utf-8", "replace").strip()
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & OTHERS:
        raise Refused(
            "secret_open_to_others",
            f"{path} must be a file of user {os.geteuid()} that nobody else can read.",
            where=str(path),
            remedy=f"If nobody has read it: chmod 600 {path}. Otherwise replace the secret.",
        )
    if not text:
        raise Refused("secret_empty", f"{path} is empty.", where=str(path), remedy="Restore it from a backup.")
    return text


def write_private(path: Path, text: str, *, only_if_new: bool = False) -> None:
    """Writes a file of mode 600 whole or not at all, and returns when it is on the disk. Of several who write it
    only if it is new, one does, and all read the same.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with explained(path):
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            with os.fdopen(os.open(beside, flags, PRIVATE_FILE_MODE), "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            if only_if_new:
                with suppress(FileExistsError):
                    path.hardlink_to(beside)
            else:
                beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
        sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """A rename is on the disk only when its folder is."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def explained(path: Path) -> Generator[None]:
    """Turns the system's errors about a path into ours."""
    try:
        yield
    except OSError as fault:
        raise explain(fault, path) from fault


def explain(fault: OSError, path: Path) -> ChimeraError:
    where, what = str(path), fault.strerror or str(fault)
    match fault.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return Unavailable(
                "disk_full", f"There is no room left for {path}: {what}.", where=where, remedy="Free some space."
            )
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return Refused(
                "home_not_writable",
                f"{path} cannot be used: {what}.",
                where=where,
                remedy="Choose a folder that this user can write to with CHIMERA_HOME.",
            )
        case errno.ENOTDIR | errno.EEXIST | errno.ELOOP | errno.ENAMETOOLONG | errno.EISDIR:
            return Invalid(
                "home_not_a_folder",
                f"{path} cannot be used: {what}.",
                where=where,
                remedy="Choose a folder with CHIMERA_HOME.",
            )
        case _:
            return Unavailable(
                "home_unavailable",
                f"{path} cannot be used: {what}.",
                where=where,
                remedy="see what the message says about the disk",
            )
