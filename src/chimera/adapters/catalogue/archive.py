"""Packs a package into one archive, and unpacks a stranger's within bounds, in memory. Writes no file.

A name that leads outside, a link, a device, a name twice, or more bytes than a package may have: refused by name.
"""

from __future__ import annotations

import gzip
import io
import re
import tarfile
import zlib
from collections.abc import Mapping

from chimera.domain.errors import Invalid, Refused

FILES_MAX = 256
FILE_BYTES_MAX = 8 * 1024 * 1024
PACKAGE_BYTES_MAX = 32 * 1024 * 1024
# Every file has a header and is filled up to a block; long names take two blocks more.
TAR_BYTES_MAX = PACKAGE_BYTES_MAX + FILES_MAX * 2_048 + 20_480
DEPTH_MAX = 7
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")


def packed(files: Mapping[str, bytes]) -> bytes:
    """The archive of these files: the same bytes for the same files."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w:", format=tarfile.USTAR_FORMAT) as tar:
        for name in sorted(files):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(files[name]), 0o644
            tar.addfile(entry, io.BytesIO(files[name]))
    return gzip.compress(plain.getvalue(), mtime=0)


def unpacked(archive: bytes, *, where: str) -> dict[str, bytes]:
    """The files of an archive by their names, or why it is none of ours."""
    try:
        with tarfile.open(fileobj=io.BytesIO(_inflated(archive, where)), mode="r:") as tar:
            return _files(tar, where)
    except tarfile.TarError as error:
        raise _malformed(f"this is no archive: {error}"[:200], where) from error


def _malformed(why: str, where: str) -> Invalid:
    return Invalid("archive_malformed", why, where=where, remedy="fetch it again; tell the publisher")


def _inflated(archive: bytes, where: str) -> bytes:
    inflater = zlib.decompressobj(wbits=31)
    try:
        plain = inflater.decompress(archive, TAR_BYTES_MAX + 1)
    except zlib.error as error:
        raise _malformed(f"this is no archive: {error}"[:200], where) from error
    if len(plain) > TAR_BYTES_MAX:
        raise Refused(
            "archive_too_large",
            f"it unpacks to more than {PACKAGE_BYTES_MAX} bytes",
            where=where,
            remedy="leave out what the agent does not need",
        )
    if not inflater.eof or inflater.unused_data:
        raise _malformed("it ends early, or goes on behind its end", where)
    return plain


def _files(tar: tarfile.TarFile, where: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    spellings: set[str] = set()
    room = PACKAGE_BYTES_MAX
    for entry in tar:
        name = _required_name(entry, where)
        if name.casefold() in spellings:
            raise Refused(
                "archive_file_twice",
                f"{name!r} is in it twice",
                where=where,
                remedy="do not install it; tell the publisher",
            )
        if len(found) >= FILES_MAX:
            raise Refused(
                "archive_too_large",
                f"it holds more than {FILES_MAX} files",
                where=where,
                remedy="leave out what the agent does not need",
            )
        if entry.size > min(FILE_BYTES_MAX, room):
            raise Refused(
                "archive_too_large",
                f"{name!r} is larger than a file may be",
                where=where,
                remedy="leave out what the agent does not need",
            )
        stream = tar.extractfile(entry)
        data = stream.read(entry.size) if stream is not None else b""
        if len(data) != entry.size:
            raise Invalid(
                "archive_malformed", f"{name!r} ends early", where=where, remedy="fetch it again; tell the publisher"
            )
        room -= len(data)
        spellings.add(name.casefold())
        found[name] = data
    return found


def _required_name(entry: tarfile.TarInfo, where: str) -> str:
    if not entry.isreg() or entry.issparse():
        raise Refused("archive_special_file", f"{ascii(entry.name)[:120]} is a link, folder or device", where=where,
                      remedy="a package's archive holds plain files only")  # fmt: skip
    parts = entry.name.split("/")
    if len(parts) > DEPTH_MAX or not all(_PART.fullmatch(part) for part in parts):
        raise Refused("archive_path_outside", f"{ascii(entry.name)[:120]} is no name within a package", where=where,
                      remedy="do not install it; tell the publisher")  # fmt: skip
    return entry.name
