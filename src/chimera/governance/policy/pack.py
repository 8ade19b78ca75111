"""A policy pack: its title, Cedar text, schema and bands under one digest. Refuses what is not sound.

The cases of a pack are not in the digest: they do not decide, they say what should be decided.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import cedarpy
import msgspec
from msgspec import Struct

from chimera.domain import canonical
from chimera.domain.confidence import Bands
from chimera.domain.decision import OBLIGATIONS
from chimera.domain.errors import Invalid
from chimera.domain.policy import PackFiles
from chimera.governance.policy import vocabulary

T = TypeVar("T")
WHERE = "policy.cedar"
ANNOTATIONS = frozenset({"id", "says", "remedy", "obligation", "role"})


class Rule(Struct, frozen=True):
    """What a policy says about itself in its annotations."""

    name: str
    says: str
    remedy: str
    obligation: str
    role: str
    effect: str = "forbid"


class PolicyPack:
    """Parsed once, reused for every decision. Hashed into every decision."""

    def __init__(self, *, text: str, schema: str, bands: bytes, name: str = "unnamed", release: str = "0") -> None:
        self.name, self.release = name, release
        self.digest = canonical.hash_of(
            {"bands": _text_of(bands), "name": name, "policy": text, "release": release, "schema": schema}
        )
        self.bands = _bands_of(bands)
        self.schema = _parsed(lambda: cedarpy.Schema.from_str(schema), where="schema.cedarschema")
        self.policies = _parsed(lambda: cedarpy.PolicySet.from_str(text), where="policy.cedar")
        _require_valid(text, self.schema)
        document = msgspec.json.decode(cedarpy.policies_to_json_str(text))
        vocabulary.require_known(document["staticPolicies"])
        if document["templates"]:
            raise Invalid("policy_template", "a template decides nothing by itself", where=WHERE, remedy="write it out")
        self.rules = _rules_of(document["staticPolicies"])


def pack_of(files: PackFiles) -> PolicyPack:
    """The pack that these files are, or `Invalid`."""
    return PolicyPack(text=files.text, schema=files.schema, bands=files.bands.encode(), name=files.name,
                      release=files.release)  # fmt: skip


def bands_of(files: PackFiles) -> Bands:
    """The bands in these files, or `Invalid`."""
    return _bands_of(files.bands.encode())


def _text_of(document: bytes) -> str:
    try:
        return document.decode()
    except UnicodeDecodeError as error:
        raise Invalid("bands_malformed", str(error), where="bands.json", remedy="mend bands.json") from error


def _bands_of(document: bytes) -> Bands:
    try:
        return msgspec.json.decode(document, type=Bands)
    except msgspec.DecodeError as error:
        raise Invalid("bands_malformed", str(error), where="bands.json", remedy="mend bands.json") from error


def _parsed(parse: Callable[[], T], *, where: str) -> T:
    try:
        return parse()
    except ValueError as error:
        raise Invalid("policy_malformed", str(error), where=where, remedy="mend the named line") from error


def _require_known_annotations(name: str, annotations: Mapping[str, str | None]) -> None:
    unknown = sorted(set(annotations) - ANNOTATIONS)
    if unknown:
        raise Invalid("policy_annotation_unknown", f"{name} has @{unknown[0]}, which nobody reads", where=WHERE,
                      remedy=f"use one of @{', @'.join(sorted(ANNOTATIONS))}")  # fmt: skip
    obligation = annotations.get("obligation") or ""
    if obligation and obligation not in OBLIGATIONS:
        raise Invalid("policy_obligation_unknown", f"{name} owes {obligation!r}, which nobody does", where=WHERE,
                      remedy=f"owe one of {', '.join(sorted(OBLIGATIONS))}")  # fmt: skip


def _require_valid(text: str, schema: cedarpy.Schema) -> None:
    result = cedarpy.validate_policies(text, schema)  # pyright: ignore[reportUnknownMemberType] – cedarpy leaves dict bare
    if not result.validation_passed:
        raise Invalid(
            "policy_against_schema",
            "; ".join(str(error) for error in result.errors),
            where="policy.cedar",
            remedy="mend the policy that is named",
        )


def _rules_of(policies: Mapping[str, Any]) -> dict[str, Rule]:
    """The rules by the id that Cedar's diagnostics use; every policy must have a name and say what it means."""
    rules = {key: _rule_of(key, policy) for key, policy in policies.items()}
    names = [rule.name for rule in rules.values()]
    if len(set(names)) != len(names):
        raise Invalid("policy_id_twice", "two policies share an @id", where="policy.cedar", remedy="rename one")
    return rules


def _rule_of(key: str, policy: Mapping[str, Any]) -> Rule:
    annotations: dict[str, str | None] = policy.get("annotations") or {}
    name, says = annotations.get("id"), annotations.get("says")
    if not name or not says:
        raise Invalid(
            "policy_unnamed",
            f"{key} has no @id or no @says",
            where="policy.cedar",
            remedy="name the policy, and say in words what it does",
        )
    _require_known_annotations(name, annotations)
    return Rule(
        name=name,
        says=says,
        remedy=annotations.get("remedy") or "",
        obligation=annotations.get("obligation") or "",
        role=annotations.get("role") or "",
        effect=policy["effect"],
    )
