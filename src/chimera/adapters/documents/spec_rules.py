"""What a task type has to be beyond its form: known names, sound schemas, examples that hold. Reads no file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chimera.adapters.documents.document import Document
from chimera.adapters.documents.validation import differences
from chimera.domain.capabilities import SKILLS
from chimera.domain.errors import Invalid
from chimera.domain.faults import Fault, Path, shown
from chimera.domain.permissions import ACTIONS, PERMISSIONS
from chimera.domain.spec import Check, Risk
from chimera.governance.checks import CHECKS, Context, parameter_schema, run
from chimera.governance.schemas import Schema, suggestion

FINANCIAL_ACTIONS = frozenset({"payment.send"})
_BOUNDED_TEXT = frozenset({"maxLength", "enum", "const", "pattern"})


def objections(document: Document) -> Iterator[Fault]:
    """Everything that is wrong with a task type whose form is right."""
    yield from _names(document)
    yield from _permits(document)
    schemas = list(_schemas(document))
    yield from schemas
    checks = list(_checks(document))
    yield from checks
    if not schemas and not checks:
        yield from _examples(document)


def _names(document: Document) -> Iterator[Fault]:
    value = document.value
    yield from _unknown(document, ("skill",), value["skill"], SKILLS, "skill")
    for index, name in enumerate(value["actions"]):
        yield from _unknown(document, ("actions", index), name, ACTIONS, "action")
    for index, name in enumerate(value["permissions"]):
        yield from _unknown(document, ("permissions", index), name, PERMISSIONS, "permission")


def _unknown(document: Document, path: Path, name: str, known: Mapping[str, Any], noun: str) -> Iterator[Fault]:
    if name not in known:
        yield document.fault(path, f"there is no {noun} {shown(name)}", suggestion(name, sorted(known)))


def _permits(document: Document) -> Iterator[Fault]:
    value = document.value
    for index, name in enumerate(value["actions"]):
        needed = ACTIONS.get(name)
        if needed and needed not in value["permissions"]:
            yield document.fault(("actions", index), f"the action {name!r} needs the permission {needed!r}",
                                 f"add {needed} to permissions")
        if name in FINANCIAL_ACTIONS and value.get("risk") != Risk.FINANCIAL:
            yield document.fault(("actions", index), f"the action {name!r} moves money", "write risk: financial")
    for part in ("actions", "permissions"):
        if len(set(value[part])) != len(value[part]):
            yield document.fault((part,), "a name stands here twice", "remove one")


# ── schemas ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _schemas(document: Document) -> Iterator[Fault]:
    for part in ("input", "output"):
        schema = document.value[part]
        try:
            Schema(schema)
        except Invalid as error:
            yield document.fault((part,), f"this is no JSON Schema: {error.message}", f"look at {part}.{error.where}")
            continue
        if schema.get("type") != "object":
            yield document.fault((part,), "the schema is not of an object", "write type: object")
        yield from _loose_parts(document, (part,), schema)


def _loose_parts(document: Document, path: Path, schema: Mapping[str, Any]) -> Iterator[Fault]:
    """Every part that leaves something open: unknown properties, texts and lists without end, fractions."""
    kind = schema.get("type")
    if kind == "object" and schema.get("additionalProperties") is not False:
        yield document.fault(path, "the object is open", "write additionalProperties: false")
    if kind == "string" and not _BOUNDED_TEXT & schema.keys():
        yield document.fault(path, "the text has no limit", "write maxLength")
    if kind == "array" and "maxItems" not in schema:
        yield document.fault(path, "the list has no limit", "write maxItems")
    if kind == "number" or isinstance(kind, list):
        yield document.fault(path, f"the type {shown(kind)} has no single spelling",
                             "use one type; write fractions as whole numbers of a smaller unit")
    if kind is None and not {"enum", "const"} & schema.keys():
        yield document.fault(path, "the schema allows anything", "write a type, enum or const")
    for name, part in schema.get("properties", {}).items():
        yield from _loose_parts(document, (*path, "properties", name), part)
    if isinstance(items := schema.get("items"), dict):
        yield from _loose_parts(document, (*path, "items"), items)  # pyright: ignore[reportUnknownArgumentType]


# ── checks ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _checks(document: Document) -> Iterator[Fault]:
    for index, check in enumerate(document.value["checks"]):
        path: Path = ("checks", index)
        if check["name"] not in CHECKS:
            yield from _unknown(document, (*path, "name"), check["name"], CHECKS, "check")
            continue
        parameters = check.get("parameters", {})
        yield from differences(document, parameter_schema(check["name"]), value=parameters, path=(*path, "parameters"))
        field = parameters.get("field", "text")
        if isinstance(field, str) and not _has_text(document.value["output"], field):
            yield document.fault(path, f"the output has no text at {shown(field)}", "name a text of the output with field")


def _has_text(schema: Any, field: str) -> bool:
    for name in field.replace("[]", ".[]").split("."):
        if not isinstance(schema, dict):
            return False
        schema = schema.get("items") if name == "[]" else schema.get("properties", {}).get(name)  # pyright: ignore
    return isinstance(schema, dict) and schema.get("type") == "string"


# ── examples ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _examples(document: Document) -> Iterator[Fault]:
    value = document.value
    if all(example.get("findings") for example in value["examples"]):
        yield document.fault(("examples",), "no example passes", "add one without findings")
    for index, example in enumerate(value["examples"]):
        path: Path = ("examples", index)
        for part in ("input", "output"):
            yield from differences(document, Schema(value[part]), value=example[part], path=(*path, part))
        yield from _verdict(document, path, example)


def _verdict(document: Document, path: Path, example: Mapping[str, Any]) -> Iterator[Fault]:
    given = {key: part if isinstance(part, str) else tuple(part) for key, part in example.get("context", {}).items()}
    expected = set(example.get("findings", ()))
    for name in sorted(expected - {check["name"] for check in document.value["checks"]}):
        yield document.fault((*path, "findings"), f"{shown(name)} is none of the checks of this task type")
    found: dict[str, str] = {}
    for check in document.value["checks"]:
        for finding in run(Check(check["name"], check.get("parameters", {})), example["output"], Context(**given)):
            found.setdefault(check["name"], finding)
    for name in sorted(found.keys() - expected):
        yield document.fault((*path, "output"), f"{name} objects: {found[name]}", "mend the example, or list the check in findings")
    for name in sorted(expected & {check["name"] for check in document.value["checks"]} - found.keys()):
        yield document.fault((*path, "findings"), f"{name} does not object to this example", "mend the example")
