"""Where a catalogue lies: a folder, or an address. Reads bounded, follows no redirect; trusts nothing that it reads."""

from __future__ import annotations

import asyncio
import os
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from chimera.adapters.system.web import open_address
from chimera.domain.catalogue import ARCHIVE_BYTES_MAX, INDEX_BYTES_MAX, Index, Listing
from chimera.domain.errors import Invalid, Missing, Refused, Unavailable

INDEX = "index.json"
SECONDS_MAX = 20.0
LOOPBACK = ("127.0.0.1", "localhost", "::1")
OK = 200


class Place(Protocol):
    """Where an index and its archives lie."""

    async def read(self, name: str, *, bytes_max: int) -> bytes: ...


class FolderPlace:
    """A catalogue in a folder; the only kind that is published to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def read(self, name: str, *, bytes_max: int) -> bytes:
        """A file of the folder itself, without following links."""
        return await asyncio.to_thread(self._read, self._folder / name, bytes_max)

    def _read(self, path: Path, bytes_max: int) -> bytes:
        try:
            with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as stream:
                return _bounded(stream.read(bytes_max + 1), bytes_max, str(path))
        except OSError as error:
            raise Missing("catalogue_missing", f"cannot be read: {error.strerror}", where=str(path),
                          remedy="name a folder or an address with an index.json") from error  # fmt: skip

    def write(self, name: str, data: bytes) -> None:
        """Put a file there, whole or not at all."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            draft = self._folder / f".{name}.draft"
            draft.write_bytes(data)
            draft.replace(self._folder / name)
        except OSError as error:
            raise Unavailable(
                "catalogue_not_writable",
                f"cannot be written: {error.strerror}",
                where=str(self._folder),
                remedy="check its rights and the disk",
            ) from error


class WebPlace:
    """A catalogue at an address."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
            raise Refused("catalogue_unencrypted", "a catalogue is read over https", where=address[:200],
                          remedy="write https://")  # fmt: skip
        self._address = address.rstrip("/")

    async def read(self, name: str, *, bytes_max: int) -> bytes:
        """A file below the address."""
        return await asyncio.to_thread(self._read, f"{self._address}/{name}", bytes_max)

    def _read(self, address: str, bytes_max: int) -> bytes:
        request = urllib.request.Request(address, headers={"Accept-Encoding": "identity"})  # noqa: S310 – https above
        try:
            with open_address(request, seconds_max=SECONDS_MAX) as answer:
                if answer.status != OK:
                    raise Unavailable(
                        "catalogue_unreachable", f"it answered {answer.status}", where=address[:200], remedy="try later"
                    )
                return _bounded(answer.read(bytes_max + 1), bytes_max, address)
        except urllib.error.HTTPError as error:
            error.close()
            raise Missing("catalogue_missing", f"it answered {error.code}", where=address[:200],
                          remedy="look at the address; redirects are not followed") from error  # fmt: skip
        except (OSError, HTTPException) as error:
            raise Unavailable(
                "catalogue_unreachable", str(error)[:200], where=address[:200], remedy="try later"
            ) from error


def place_of(location: str) -> Place:
    """The place that a person named."""
    if not location:
        raise Invalid("catalogue_unnamed", "no catalogue was named", where="--index",
                      remedy="name a folder or an https address, or set CHIMERA_STORE_INDEX")  # fmt: skip
    return WebPlace(location) if "://" in location else FolderPlace(Path(location).expanduser())


async def read_index(place: Place) -> Index:
    """The index of a catalogue. What is not of its form is refused whole."""
    data = await place.read(INDEX, bytes_max=INDEX_BYTES_MAX)
    try:
        return msgspec.json.decode(data, type=Index)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Invalid("catalogue_malformed", str(error)[:300], where=INDEX,
                      remedy="tell whoever keeps the catalogue") from error  # fmt: skip


async def read_archive(place: Place, listing: Listing) -> bytes:
    """The archive of a listing: at most as many bytes as were listed."""
    return await place.read(listing.archive, bytes_max=min(listing.archive_bytes, ARCHIVE_BYTES_MAX))


def _bounded(data: bytes, bytes_max: int, where: str) -> bytes:
    if len(data) > bytes_max:
        raise Refused("catalogue_file_too_large", f"more than {bytes_max} bytes", where=where[:200],
                      remedy="tell whoever keeps the catalogue")  # fmt: skip
    return data
