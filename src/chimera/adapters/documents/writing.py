"""Writes a new package from a template and the answers of a person. Never overwrites; leaves nothing half done."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path as FilePath
from string import Template

from msgspec import Struct

from chimera.adapters.documents.packages import MANIFEST, Package, read_package
from chimera.domain.errors import Conflict, Invalid, Unavailable
from chimera.domain.faults import shown
from chimera.domain.manifest import PACKAGE_FORM, PACKAGE_PATTERN
from chimera.domain.spec import Spec

NAME_LENGTH_MAX = 64


class Answers(Struct, frozen=True, kw_only=True):
    """What a package is made from."""

    name: str
    title: str
    owner: str
    persona: str
    voice: str
    disclosure: str
    goal: str
    interests: tuple[str, ...]
    platform: str
    handle: str


def write_package(folder: FilePath, answers: Answers, *, template: FilePath, specs: Mapping[str, Spec]) -> Package:
    """A package in a folder that did not exist before; it was read back and is without fault."""
    if len(answers.name) > NAME_LENGTH_MAX or not re.fullmatch(PACKAGE_PATTERN, answers.name):
        raise Invalid("package_name", f"{shown(answers.name)} is no package's name", where="name", remedy=PACKAGE_FORM)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir()
    except FileExistsError as error:
        raise Conflict(
            "package_exists",
            "there is something of that name already",
            where=str(folder),
            remedy="choose another name or folder",
        ) from error
    except OSError as error:
        raise Unavailable(
            "folder_not_writable",
            f"cannot be made: {error.strerror}",
            where=str(folder),
            remedy="choose another folder",
        ) from error
    try:
        for name in (MANIFEST, "constitution.yaml", "README.md"):
            text = Template((template / name).read_text("utf-8")).substitute(_filled(answers))
            (folder / name).write_text(text, "utf-8")
        return read_package(folder, specs=specs)
    except BaseException:
        shutil.rmtree(folder)
        raise


def _filled(answers: Answers) -> dict[str, str]:
    """Every answer as a quoted YAML text: what a person types cannot become structure."""
    quoted = {
        name: _quoted(value) if isinstance(value, str) else f"[{', '.join(map(_quoted, value))}]"
        for name in Answers.__struct_fields__
        for value in [getattr(answers, name)]
    }
    return {**quoted, "plain_name": answers.name, "plain_title": " ".join(answers.title.split())}


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
