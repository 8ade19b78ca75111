"""Reads brand templates: those that the house ships, and a package's own. Draws nothing."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib import resources
from pathlib import Path as FilePath
from typing import Any, cast

import msgspec

from chimera.adapters.documents import yaml
from chimera.adapters.documents.document import Document
from chimera.adapters.documents.limits import STANDARD
from chimera.adapters.documents.manifest_rules import hidden_letters
from chimera.adapters.documents.validation import differences
from chimera.domain.brand import FACE_BYTES_MAX, HOUSE_BRAND, Brand
from chimera.domain.faults import Faults, shown
from chimera.governance.schemas import Schema

ENDING = ".yaml"
# The first bytes of the three formats that may be a reference image.
_STARTS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF")


def shipped_names() -> tuple[str, ...]:
    """The brands of the house."""
    found = resources.files("chimera.brands").iterdir()
    return tuple(sorted(one.name.removesuffix(ENDING) for one in found if one.name.endswith(ENDING)))


@functools.cache
def shipped(name: str = HOUSE_BRAND) -> Brand:
    """One of them."""
    data = (resources.files("chimera.brands") / f"{name}{ENDING}").read_bytes()
    return _over_house(_read(data, file=name))


def brand_of(manifest: Document, folder: FilePath, contents: Mapping[str, bytes]) -> Brand | None:
    """The brand that a manifest names: one of the house, or the package's own file; or `Faults`."""
    name = _said(manifest, "brand")
    if not isinstance(name, str) or not name:
        return None
    if not name.endswith(ENDING):
        if name in shipped_names():
            return shipped(name)
        remedy = f"write one of {', '.join(shipped_names())}, or a file of the package"
        raise Faults([manifest.fault(("brand",), f"the house has no brand {shown(name)}", remedy)])
    if name not in contents:
        raise Faults([manifest.fault(("brand",), f"there is no file {shown(name)} in the package",
                                     "write it, or remove this line")])  # fmt: skip
    return _over_house(_read(contents[name], file=str(folder / name)))


def faces_of(manifest: Document, contents: Mapping[str, bytes]) -> tuple[bytes, ...]:
    """The persona's reference images, by the names that the manifest gives; or `Faults`."""
    persona = _said(manifest, "persona")
    names = cast("dict[str, Any]", persona).get("references", ()) if isinstance(persona, dict) else ()
    faults = [
        manifest.fault(("persona", "references", place), wrong, "put a PNG, JPEG or WEBP of at most 256 KiB there")
        for place, name in enumerate(names) if (wrong := _wrong_of(str(name), contents))
    ]  # fmt: skip
    if faults:
        raise Faults(faults)
    return tuple(contents[name] for name in names)


def _wrong_of(name: str, contents: Mapping[str, bytes]) -> str:
    if name not in contents:
        return f"there is no file {shown(name)} in the package"
    if len(contents[name]) > FACE_BYTES_MAX:
        return f"{shown(name)} has more than {FACE_BYTES_MAX} bytes"
    return "" if contents[name].startswith(_STARTS) else f"{shown(name)} is no picture"


def _said(manifest: Document, part: str) -> object:
    value: object = manifest.value
    return cast("dict[str, Any]", value).get(part) if isinstance(value, dict) else None


def _read(data: bytes, *, file: str) -> dict[str, Any]:
    document = yaml.parse(data, file=file, limits=STANDARD)
    if faults := [*differences(document, _schema()), *hidden_letters(document)]:
        raise Faults(faults)
    return cast("dict[str, Any]", document.value)


@functools.cache
def _schema() -> Schema:
    """A brand in which anything may be left out."""
    schema = msgspec.json.decode(msgspec.json.encode(msgspec.json.schema(Brand)))
    schema["$defs"]["Brand"].pop("required")
    return Schema(schema)


@functools.cache
def _house() -> dict[str, Any]:
    return _read((resources.files("chimera.brands") / f"{HOUSE_BRAND}{ENDING}").read_bytes(), file=HOUSE_BRAND)


def _over_house(said: dict[str, Any]) -> Brand:
    """What a file says, and the house's own for the rest."""
    return msgspec.convert(_house() | said, Brand)
