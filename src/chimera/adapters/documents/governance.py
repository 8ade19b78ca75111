"""Reads what governs from its files: policy packs and the safety lexicon. May not judge either beyond their form."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from chimera.adapters.documents import yaml
from chimera.domain.errors import Invalid, Missing
from chimera.domain.policy import Case, PackFiles
from chimera.governance.identity.permits import Permits
from chimera.governance.policy.pack import PolicyPack, pack_of
from chimera.governance.safety.gateway import Lexeme

GOVERNANCE = Path(__file__).parents[2] / "governance"
DEFAULT_PACK = GOVERNANCE / "policy" / "packs" / "default"
CASES = "cases.yaml"
FILES = "pack.json, policy.cedar, schema.cedarschema and bands.json"
PACK_BYTES_MAX = 1_000_000
PEOPLE_PACK = GOVERNANCE / "identity" / "pack"
LEXICON = GOVERNANCE / "safety" / "lexicon.json"


class _Cases(Struct, forbid_unknown_fields=True):
    """The whole of cases.yaml."""

    cases: tuple[Case, ...]


class _Title(Struct, forbid_unknown_fields=True):
    """What a pack calls itself."""

    name: str
    release: str


def load_pack(folder: Path = DEFAULT_PACK) -> PolicyPack:
    """The policy pack in a folder."""
    return pack_of(load_files(folder))


def load_files(folder: Path = DEFAULT_PACK) -> PackFiles:
    """A pack's files: pack.json, policy.cedar, schema.cedarschema, bands.json; cases.yaml if it has tests."""
    title = _title(_bytes(folder / "pack.json"), where=str(folder / "pack.json"))
    text, schema, bands = (_text(folder / name) for name in ("policy.cedar", "schema.cedarschema", "bands.json"))
    cases = load_cases(folder / CASES) if (folder / CASES).exists() else ()
    return PackFiles(name=title.name, release=title.release, text=text, schema=schema, bands=bands, cases=cases)


def load_cases(path: Path) -> tuple[Case, ...]:
    """The cases in a file, or every fault in it with its line."""
    document = yaml.read(path)
    try:
        return msgspec.convert(document.value, _Cases).cases
    except msgspec.ValidationError as error:
        raise Invalid(
            "policy_case_malformed", str(error), where=str(path), remedy="see docs/guides/policy.md"
        ) from error


def _title(document: bytes, *, where: str) -> _Title:
    try:
        return msgspec.json.decode(document, type=_Title)
    except msgspec.DecodeError as error:
        raise Invalid("pack_title_malformed", str(error), where=where, remedy="write name and release") from error


def _text(path: Path) -> str:
    try:
        return _bytes(path).decode()
    except UnicodeDecodeError as error:
        raise Invalid("policy_malformed", str(error), where=str(path), remedy="save it as UTF-8") from error


def _bytes(path: Path) -> bytes:
    try:
        found = path.read_bytes()
    except OSError as error:
        raise Missing(
            "pack_incomplete",
            f"{path.name} cannot be read: {error.strerror}",
            where=str(path.parent),
            remedy=f"a pack has {FILES}",
        ) from error
    if len(found) > PACK_BYTES_MAX:
        raise Invalid("policy_too_large", f"{len(found)} bytes", where=str(path), remedy=f"at most {PACK_BYTES_MAX}")
    return found


def load_lexicon(path: Path = LEXICON) -> dict[str, Lexeme]:
    """The families of words that safety looks for."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Lexeme])
    except msgspec.DecodeError as error:
        raise Invalid("lexicon_malformed", str(error), where=str(path), remedy="mend the file that is named") from error


def load_permits(folder: Path = PEOPLE_PACK) -> Permits:
    """The pack that says which people may do what."""
    return Permits(
        text=(folder / "policy.cedar").read_text(encoding="utf-8"),
        schema=(folder / "schema.cedarschema").read_text(encoding="utf-8"),
    )
