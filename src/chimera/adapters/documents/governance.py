"""Reads what governs from its files: policy packs and the safety lexicon. May not judge either beyond their form."""

from __future__ import annotations

from pathlib import Path

import msgspec

from chimera.domain.errors import Invalid, Missing
from chimera.governance.identity.permits import Permits
from chimera.governance.policy.pack import PolicyPack
from chimera.governance.safety.gateway import Lexeme

GOVERNANCE = Path(__file__).parents[2] / "governance"
DEFAULT_PACK = GOVERNANCE / "policy" / "packs" / "default"
PEOPLE_PACK = GOVERNANCE / "identity" / "pack"
LEXICON = GOVERNANCE / "safety" / "lexicon.json"


def load_pack(folder: Path = DEFAULT_PACK) -> PolicyPack:
    """The policy pack in a folder: policy.cedar, schema.cedarschema, bands.json."""
    try:
        return PolicyPack(
            text=(folder / "policy.cedar").read_text(encoding="utf-8"),
            schema=(folder / "schema.cedarschema").read_text(encoding="utf-8"),
            bands=(folder / "bands.json").read_bytes(),
        )
    except OSError as error:
        raise Missing("pack_incomplete", str(error), where=str(folder), remedy="a pack has three files") from error


def load_lexicon(path: Path = LEXICON) -> dict[str, Lexeme]:
    """The families of words that safety looks for."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Lexeme])
    except msgspec.DecodeError as error:
        raise Invalid("lexicon_malformed", str(error), where=str(path)) from error


def load_permits(folder: Path = PEOPLE_PACK) -> Permits:
    """The pack that says which people may do what."""
    return Permits(
        text=(folder / "policy.cedar").read_text(encoding="utf-8"),
        schema=(folder / "schema.cedarschema").read_text(encoding="utf-8"),
    )
