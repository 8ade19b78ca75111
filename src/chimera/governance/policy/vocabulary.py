"""Finds what a policy compares with, and refuses a word that the attribute never is: such a rule would never fire."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from chimera.domain.errors import Invalid
from chimera.domain.facts import VALUES, Deed

_COMPARES = ("==", "!=")
_HOLDS = ("contains", "containsAll", "containsAny")
_DEEDS = frozenset(str(deed) for deed in Deed)


def require_known(policies: Mapping[str, Any]) -> None:
    """Every word that a policy compares an attribute with is one that it can be, and every deed exists."""
    for key, policy in policies.items():
        annotations: Mapping[str, str] = policy.get("annotations") or {}
        name = annotations.get("id") or key
        for attribute, word in _comparisons(policy["conditions"]):
            if attribute in VALUES and word not in VALUES[attribute]:
                raise Invalid(
                    "policy_word_unknown",
                    f"{name} compares {attribute} with {word!r}, which it never is",
                    where="policy.cedar",
                    remedy=f"write one of {', '.join(repr(value) for value in VALUES[attribute])}",
                )
        for deed in _deeds(policy["action"]):
            if deed not in _DEEDS:
                raise Invalid("policy_deed_unknown", f"{name} is about {deed!r}, which nobody does",
                              where="policy.cedar", remedy=f"write one of {', '.join(sorted(_DEEDS))}")  # fmt: skip


def _comparisons(node: object) -> Iterator[tuple[str, str]]:
    """Attribute and word of every comparison below a node of Cedar's tree."""
    if isinstance(node, list):
        for item in cast("list[object]", node):
            yield from _comparisons(item)
    if not isinstance(node, dict):
        return
    for operator, operands in cast("dict[str, Any]", node).items():
        # A record's entry may have any name, an operator's among them: only what has two sides is a comparison.
        if operator in (*_COMPARES, *_HOLDS) and set(operands) == {"left", "right"}:
            yield from _compared((operands["left"], operands["right"]))
        yield from _comparisons(operands)


def _compared(sides: Sequence[Any]) -> Iterator[tuple[str, str]]:
    for one, other in (sides, tuple(reversed(sides))):
        attribute = _attribute(one)
        if attribute:
            yield from ((attribute, word) for word in _words(other))


def _attribute(node: Mapping[str, Any]) -> str:
    """The name of a context attribute, if the node is one."""
    access = node.get(".")
    return str(access["attr"]) if access and access["left"] == {"Var": "context"} else ""


def _words(node: Mapping[str, Any]) -> Iterator[str]:
    if isinstance(node.get("Value"), str):
        yield str(node["Value"])
    for item in node.get("Set", ()):
        yield from _words(item)


def _deeds(scope: Mapping[str, Any]) -> Iterator[str]:
    entities = [scope["entity"]] if "entity" in scope else list(scope.get("entities", ()))
    yield from (str(entity["id"]) for entity in entities)
