"""Says whether a person may do something, by the people pack. Trusts only a clean answer: any error is a no."""

from __future__ import annotations

from typing import Any

import cedarpy
import msgspec
from msgspec import Struct

from chimera.domain import canonical
from chimera.domain.errors import Invalid, Refused
from chimera.domain.person import Principal
from chimera.domain.verbs import VERBS, Resource


class Answer(Struct, frozen=True, kw_only=True):
    """Whether, and which rules said so."""

    allowed: bool
    rules: tuple[str, ...]
    says: tuple[str, ...]


class Permits:
    """One pack, asked with a principal, a verb and a thing."""

    def __init__(self, *, text: str, schema: str) -> None:
        self.digest = canonical.hash_of({"policy": text, "schema": schema})
        try:
            self._schema = cedarpy.Schema.from_str(schema)
            self._policies = cedarpy.PolicySet.from_str(text)
        except ValueError as error:
            raise Invalid("policy_malformed", str(error), where="people", remedy="mend the named line") from error
        checked = cedarpy.validate_policies(text, self._schema)  # pyright: ignore[reportUnknownMemberType] – bare dict
        if not checked.validation_passed:
            raise Invalid(
                "policy_against_schema",
                "; ".join(map(str, checked.errors)),
                where="people",
                remedy="mend the policy that is named",
            )
        self._says = _annotations(text)

    def may(self, principal: Principal, verb: str, resource: Resource) -> bool:
        """Whether this person may do this to that."""
        return self.answer(principal, verb, resource).allowed

    def require(self, principal: Principal, verb: str, resource: Resource) -> None:
        """Nothing, or `Refused` with the rule."""
        answer = self.answer(principal, verb, resource)
        if not answer.allowed:
            why = "; ".join(answer.says) or "no rule permits it"
            raise Refused(
                "not_permitted",
                f"{principal.name} may not {VERBS.get(verb, verb)}: {why}",
                where=resource.id or resource.kind,
                remedy=_remedy(answer, verb),
            )

    def answer(self, principal: Principal, verb: str, resource: Resource) -> Answer:
        """The answer with the rules behind it. What is no verb, or cannot be asked, is a no."""
        if verb not in VERBS:
            return Answer(allowed=False, rules=("verb-unknown",), says=(f"nothing is known of {verb[:60]}",))
        try:
            entities = cedarpy.Entities.from_json_str(_entities(principal, resource).decode())  # pyright: ignore[reportUnknownMemberType] – bare dict
            result = cedarpy.is_authorized(  # pyright: ignore[reportUnknownMemberType] – cedarpy leaves dict bare
                _request(principal, verb, resource), self._policies, entities, self._schema
            )
            errors = result.diagnostics.errors
            named = [self._says[key] for key in sorted(result.diagnostics.reasons)]
        except Exception as error:  # noqa: BLE001 — a policy that cannot be asked has not allowed.
            return Answer(
                allowed=False, rules=("policy-error",), says=(f"the people pack could not be asked: {error}"[:300],)
            )
        allowed = result.decision is cedarpy.Decision.Allow and not errors
        rules = tuple(name for name, _ in named) + (("policy-error",) if errors else ())
        return Answer(allowed=allowed, rules=rules, says=tuple(says for _, says in named) + tuple(map(str, errors)))


def _remedy(answer: Answer, verb: str) -> str:
    if "token-scope" in answer.rules:
        return f"use a token that was issued for it: chimera people token issue NAME --scope {verb}"
    if "within" in answer.rules:
        return "look at what is yours, or ask an owner for more"
    return "ask an owner, or somebody whose role it is"


def _entities(principal: Principal, resource: Resource) -> bytes:
    person: dict[str, Any] = {
        "uid": {"type": "Person", "id": principal.person},
        "attrs": {
            "roles": sorted(principal.roles),
            "scopes": sorted(principal.scopes),
            "within": sorted(principal.within),
        },
        "parents": [],
    }
    thing: dict[str, Any] = {
        "uid": {"type": "Thing", "id": f"{resource.kind}:{resource.id}"},
        "attrs": {"kind": resource.kind, "scopes": list(resource.scopes), "person": resource.person},
        "parents": [],
    }
    return msgspec.json.encode([person, thing])


def _request(principal: Principal, verb: str, resource: Resource) -> dict[str, object]:
    return {
        "principal": {"type": "Person", "id": principal.person},
        "action": {"type": "Action", "id": verb},
        "resource": {"type": "Thing", "id": f"{resource.kind}:{resource.id}"},
        "context": {"verb": verb, "own": bool(resource.person) and resource.person == principal.person},
    }


def _annotations(text: str) -> dict[str, tuple[str, str]]:
    document = msgspec.json.decode(cedarpy.policies_to_json_str(text))
    found: dict[str, dict[str, str]] = {
        key: policy.get("annotations") or {} for key, policy in document["staticPolicies"].items()
    }
    if any(not notes.get("id") or not notes.get("says") for notes in found.values()):
        raise Invalid("policy_unnamed", "a rule of the people pack has no @id or no @says", where="people",
                      remedy="name it, and say in words what it does")  # fmt: skip
    return {key: (notes["id"], notes["says"]) for key, notes in found.items()}
