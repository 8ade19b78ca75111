"""Reads an agent's folder: bounded, without links, every byte in the digest. Writes nothing, runs nothing."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path as FilePath
from typing import Any, cast

import msgspec
from msgspec import Struct

from chimera.adapters.documents import yaml
from chimera.adapters.documents.brands import brand_of, faces_of
from chimera.adapters.documents.document import Document
from chimera.adapters.documents.limits import STANDARD
from chimera.adapters.documents.manifest_rules import hidden_letters, objections, repeats
from chimera.adapters.documents.validation import differences
from chimera.domain import canonical
from chimera.domain.brand import Brand
from chimera.domain.faults import Fault, Faults, shown
from chimera.domain.manifest import Constitution, Manifest, manifest_schema
from chimera.domain.spec import Spec
from chimera.governance.schemas import Schema

MANIFEST = "manifest.yaml"
FILES_MAX = 256
FOLDERS_DEEP_MAX = 6
FILE_BYTES_MAX = 8 * 1024 * 1024
PACKAGE_BYTES_MAX = 32 * 1024 * 1024
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_MANIFEST_SCHEMA = Schema(manifest_schema())
_CONSTITUTION_SCHEMA = Schema(msgspec.json.schema(Constitution))


class Package(Struct, frozen=True, kw_only=True):
    """A package that was found without fault. `digest` covers the name and the bytes of every file."""

    folder: str
    manifest: Manifest
    constitution: Constitution | None
    digest: str
    files: tuple[str, ...]
    brand: Brand | None = None
    faces: tuple[bytes, ...] = ()


def read_package(folder: FilePath, *, specs: Mapping[str, Spec]) -> Package:
    """The package in a folder, or `Faults`."""
    return package_of(read_files(folder), folder=folder, specs=specs)


def package_of(contents: Mapping[str, bytes], *, folder: FilePath, specs: Mapping[str, Spec]) -> Package:
    """The package that these files are, or `Faults`."""
    manifest_file = str(folder / MANIFEST)
    if MANIFEST not in contents:
        raise _faults(manifest_file, f"there is no {MANIFEST} here", "chimera agent new NAME writes one")
    document = yaml.parse(contents[MANIFEST], file=manifest_file, limits=STANDARD)
    faults = list(differences(document, _MANIFEST_SCHEMA)) or list(_beyond_schema(document, folder, specs))
    constitution: Constitution | None = None
    brand: Brand | None = None
    faces: tuple[bytes, ...] = ()
    try:
        constitution = _constitution(document, folder, contents)
        brand, faces = brand_of(document, folder, contents), faces_of(document, contents)
    except Faults as error:
        faults.extend(error.faults)
    if faults:
        raise Faults(faults, code="package_invalid")
    return Package(
        folder=str(folder),
        manifest=msgspec.convert(document.value, Manifest),
        constitution=constitution,
        digest=digest_of(contents),
        files=tuple(sorted(contents)),
        brand=brand,
        faces=faces,
    )


def digest_of(contents: Mapping[str, bytes]) -> str:
    """One hash over the names and the bytes of all files."""
    return canonical.hash_of({name: canonical.sha256_hex(data) for name, data in contents.items()})


def _beyond_schema(document: Document, folder: FilePath, specs: Mapping[str, Spec]) -> Iterator[Fault]:
    name, found = document.value["identity"]["name"], folder.resolve().name
    if name != found:
        yield document.fault(
            ("identity", "name"), f"the package is called {name!r}, its folder {found!r}", "give both the same name"
        )
    yield from objections(document, specs)


def _constitution(manifest: Document, folder: FilePath, contents: Mapping[str, bytes]) -> Constitution | None:
    value: object = manifest.value
    name = cast("dict[str, Any]", value).get("constitution") if isinstance(value, dict) else None
    if not isinstance(name, str) or not name:
        return None
    if name not in contents:
        raise Faults(
            [
                manifest.fault(
                    ("constitution",), f"there is no file {shown(name)} in the package", "write it, or remove this line"
                )
            ]
        )
    document = yaml.parse(contents[name], file=str(folder / name), limits=STANDARD)
    faults = list(differences(document, _CONSTITUTION_SCHEMA))
    if not faults:
        rules = [rule["id"] for rule in document.value["rules"]]
        faults = [*hidden_letters(document), *repeats(document, ("rules",), rules, noun="rule")]
    if faults:
        raise Faults(faults)
    return msgspec.convert(document.value, Constitution)


# ── the folder ──────────────────────────────────────────────────────────────────────────────────────────────────────


def read_files(folder: FilePath) -> dict[str, bytes]:
    """Every file of a folder by its name, or `Faults`: links, hidden and special files, too many, too large."""
    if not folder.is_dir() or folder.is_symlink():
        raise _faults(str(folder), "is not a folder", "name the folder of a package")
    contents: dict[str, bytes] = {}
    faults: list[Fault] = []
    room = PACKAGE_BYTES_MAX
    for entry in _entries(folder, faults):
        if len(contents) >= FILES_MAX:
            raise _faults(str(folder), f"more than {FILES_MAX} files", "leave out what the agent does not need")
        data = _read(FilePath(entry), limit=min(FILE_BYTES_MAX, room), faults=faults)
        room -= len(data)
        contents[FilePath(entry).relative_to(folder).as_posix()] = data
    if faults:
        raise Faults(faults, code="package_invalid")
    return contents


def _entries(folder: FilePath, faults: list[Fault]) -> Iterator[str]:
    waiting = [(str(folder), 0)]
    while waiting:
        path, depth = waiting.pop()
        with os.scandir(path) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
        for entry in entries:
            if fault := _unwanted(entry, depth):
                faults.append(fault)
            elif entry.is_dir(follow_symlinks=False):
                waiting.append((entry.path, depth + 1))
            else:
                yield entry.path


def _unwanted(entry: os.DirEntry[str], depth: int) -> Fault | None:
    if not _NAME.fullmatch(entry.name):
        return _fault(
            ascii(entry.path)[1:-1],
            "a name has letters, digits, '.', '_' and '-', and no '.' in front",
            "rename or remove it",
        )
    if entry.is_symlink():
        return _fault(entry.path, "is a link", "put the file itself here")
    if entry.is_dir(follow_symlinks=False):
        return _fault(entry.path, "lies too deep", "flatten the folders") if depth >= FOLDERS_DEEP_MAX else None
    if not entry.is_file(follow_symlinks=False):
        return _fault(entry.path, "is no ordinary file", "remove it")
    return None


def _read(path: FilePath, *, limit: int, faults: list[Fault]) -> bytes:
    # Opened without following links and checked once open: between listing and reading, the file may have changed.
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                faults.append(_fault(str(path), "is no ordinary file", "remove it"))
                return b""
            data = stream.read(limit + 1)
    except OSError as error:
        faults.append(_fault(str(path), f"cannot be read: {error.strerror}", "check its rights"))
        return b""
    if len(data) > limit:
        faults.append(_fault(str(path), f"is larger than the {limit} bytes that are left for it", "make it smaller"))
        return b""
    return data


def _fault(file: str, reason: str, remedy: str) -> Fault:
    return Fault(file=file, line=1, reason=reason, remedy=remedy)


def _faults(file: str, reason: str, remedy: str) -> Faults:
    return Faults([_fault(file, reason, remedy)], code="package_invalid")
