"""A policy pack: Cedar text, its schema, its bands, and one digest over all of them. Refuses what does not validate."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import cedarpy
import msgspec
from msgspec import Struct

from chimera.domain import canonical
from chimera.domain.confidence import Bands
from chimera.domain.errors import Invalid

T = TypeVar("T")


class Rule(Struct, frozen=True):
    """What a policy says about itself in its annotations."""

    name: str
    says: str
    remedy: str
    obligation: str
    role: str


class PolicyPack:
    """Parsed once, reused for every decision. Hashed into every decision."""

    def __init__(self, *, text: str, schema: str, bands: bytes) -> None:
        self.digest = canonical.hash_of({"policy": text, "schema": schema, "bands": bands.decode()})
        self.bands = _bands_of(bands)
        self.schema = _parsed(lambda: cedarpy.Schema.from_str(schema), where="schema.cedarschema")
        self.policies = _parsed(lambda: cedarpy.PolicySet.from_str(text), where="policy.cedar")
        _require_valid(text, self.schema)
        self.rules = _rules_of(text)


def _bands_of(document: bytes) -> Bands:
    try:
        return msgspec.json.decode(document, type=Bands)
    except msgspec.DecodeError as error:
        raise Invalid("bands_malformed", str(error), where="bands.json") from error


def _parsed(parse: Callable[[], T], *, where: str) -> T:
    try:
        return parse()
    except ValueError as error:
        raise Invalid("policy_malformed", str(error), where=where, remedy="mend the named line") from error


def _require_valid(text: str, schema: cedarpy.Schema) -> None:
    result = cedarpy.validate_policies(text, schema)  # pyright: ignore[reportUnknownMemberType] – cedarpy leaves dict bare
    if not result.validation_passed:
        raise Invalid("policy_against_schema", "; ".join(str(error) for error in result.errors), where="policy.cedar")


def _rules_of(text: str) -> dict[str, Rule]:
    """The rules by the id that Cedar's diagnostics use; every policy must have a name and say what it means."""
    document = msgspec.json.decode(cedarpy.policies_to_json_str(text))
    rules = {key: _rule_of(key, policy.get("annotations") or {}) for key, policy in document["staticPolicies"].items()}
    names = [rule.name for rule in rules.values()]
    if len(set(names)) != len(names):
        raise Invalid("policy_id_twice", "two policies share an @id", where="policy.cedar")
    return rules


def _rule_of(key: str, annotations: dict[str, str | None]) -> Rule:
    name, says = annotations.get("id"), annotations.get("says")
    if not name or not says:
        raise Invalid(
            "policy_unnamed",
            f"{key} has no @id or no @says",
            where="policy.cedar",
            remedy="name the policy, and say in words what it does",
        )
    return Rule(
        name=name,
        says=says,
        remedy=annotations.get("remedy") or "",
        obligation=annotations.get("obligation") or "",
        role=annotations.get("role") or "",
    )
