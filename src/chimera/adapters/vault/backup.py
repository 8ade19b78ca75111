"""A vault's folder as one sealed file, and back. Needs its own passphrase; without it the file is noise.

What was signed after a backup is not in it. So a restored vault pays and seals nothing that costs until the next day.
"""

from __future__ import annotations

import io
import secrets
import tarfile
import time
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from chimera.adapters.vault import keys
from chimera.adapters.vault.count import Spent
from chimera.adapters.vault.folder import JOURNAL, SEALING, SIGNED, SPENT
from chimera.adapters.vault.journal import CLOSED, Entry
from chimera.domain.durations import DAY_US
from chimera.domain.errors import Conflict, Invalid, Missing
from chimera.domain.wallets import NETWORKS

MAGIC = b"chimera.vault.backup.1\n"
PASSPHRASE_LETTERS_MIN = 12
BYTES_MAX = 256 * 1024 * 1024
# More than any cap: nothing has room beside it.
FULL_MICROS = 10**18
_SALT, _NONCE = 16, 12
# What was signed of history since the backup would look rewound: a vault without a past believes the database once.
_LEFT_OUT = frozenset({"lock", SIGNED})


def back_up(folder: Path, target: Path, passphrase: str) -> int:
    """Write the sealed file; how many files are in it. A running vault goes on."""
    if not (folder / SEALING).exists():
        raise Missing("vault_empty", "there is no vault here", where=str(folder), remedy="start the fleet once")
    if target.exists():
        raise Conflict("backup_exists", "there is a file already", where=str(target), remedy="name another file")
    packed, count = _pack(folder)
    salt, nonce = secrets.token_bytes(_SALT), secrets.token_bytes(_NONCE)
    sealed = AESGCM(_key(passphrase, salt)).encrypt(nonce, packed, MAGIC)
    keys.write_private(target, MAGIC + salt + nonce + sealed)
    return count


def restore(source: Path, folder: Path, passphrase: str) -> int:
    """Put a backup where there is no vault. What it may have signed since counts as the whole day's room."""
    if (folder / SEALING).exists():
        raise Conflict("vault_not_empty", "there is a vault already", where=str(folder),
                       remedy="move its folder away first: two vaults with one key count apart")  # fmt: skip
    files = _unpack(_opened(source, passphrase))
    for name, content in sorted(files.items()):
        if name != SEALING:
            keys.write_private(folder / name, content)
    _close_today(folder)
    # Last, so that a restore that was broken off is none.
    keys.write_private(folder / SEALING, files[SEALING])
    return len(files)


def _close_today(folder: Path) -> None:
    now_us = time.time_ns() // 1_000
    keys.write_private(folder / SPENT, msgspec.json.encode(Spent(day=now_us // DAY_US, micros=FULL_MICROS)))
    with (folder / JOURNAL).open("ab") as journal:
        for chain in NETWORKS:
            closed = Entry(grant=f"restored:{chain}:{now_us}", chain=chain, wallet="", nonce=CLOSED,
                           micros=FULL_MICROS, at_us=now_us)  # fmt: skip
            journal.write(msgspec.json.encode(closed) + b"\n")
    (folder / JOURNAL).chmod(0o600)


def _pack(folder: Path) -> tuple[bytes, int]:
    packed, count = io.BytesIO(), 0
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path in sorted(folder.rglob("*")):
            if not path.is_file() or path.name in _LEFT_OUT or path.name.startswith("."):
                continue
            content = path.read_bytes()
            entry = tarfile.TarInfo(path.relative_to(folder).as_posix())
            entry.size, entry.mode = len(content), 0o600
            archive.addfile(entry, io.BytesIO(content))
            count += 1
    return packed.getvalue(), count


def _unpack(packed: bytes) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r") as archive:
        for entry in archive:
            name = Path(entry.name)
            if not entry.isfile() or name.is_absolute() or ".." in name.parts:
                raise _unreadable("it holds more than files")
            found = archive.extractfile(entry)
            assert found is not None, "a file has content"
            files[entry.name] = found.read()
    if SEALING not in files:
        raise _unreadable("it holds no vault")
    return files


def _opened(source: Path, passphrase: str) -> bytes:
    try:
        sealed = source.read_bytes() if source.stat().st_size <= BYTES_MAX else b""
    except OSError as error:
        raise Missing(
            "backup_missing", "the backup cannot be read", where=str(source), remedy="check its path"
        ) from error
    if not sealed.startswith(MAGIC):
        raise _unreadable("it is not a vault's backup")
    salt, rest = sealed[len(MAGIC) :][:_SALT], sealed[len(MAGIC) + _SALT :]
    try:
        return AESGCM(_key(passphrase, salt)).decrypt(rest[:_NONCE], rest[_NONCE:], MAGIC)
    except (InvalidTag, ValueError):
        raise _unreadable("the passphrase is another one, or the file was changed") from None


def _key(passphrase: str, salt: bytes) -> bytes:
    if len(passphrase) < PASSPHRASE_LETTERS_MIN:
        raise Invalid("passphrase_too_short", f"a backup's passphrase has {PASSPHRASE_LETTERS_MIN} letters or more",
                      where="passphrase", remedy="use several words")  # fmt: skip
    return Scrypt(salt=salt, length=32, n=2**15, r=8, p=1).derive(passphrase.encode())


def _unreadable(why: str) -> Invalid:
    return Invalid("backup_unreadable", f"the backup cannot be used: {why}", where="backup",
                   remedy="try the passphrase again, or an older backup")  # fmt: skip
