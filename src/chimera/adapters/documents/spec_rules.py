"""What a task type has to be beyond its form: known names, sound schemas, examples that hold. Reads no file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

import msgspec

from chimera.adapters.documents.document import Document
from chimera.adapters.documents.validation import differences
from chimera.domain.capabilities import SKILLS
from chimera.domain.errors import Invalid
from chimera.domain.faults import Fault, Path, shown
from chimera.domain.permissions import ACTIONS, PERMISSIONS
from chimera.domain.spec import Check, Risk
from chimera.domain.tools import SPENDS
from chimera.governance.checks import CHECKS, Context, parameter_schema, run_one
from chimera.governance.schemas import Schema, suggestion

FINANCIAL_ACTIONS = frozenset({"payment.send", SPENDS})
# What a schema of a task type may say. A misspelt keyword would otherwise be ignored, and with it the limit it sets.
KEYWORDS = frozenset({
    "type", "title", "description", "properties", "required", "additionalProperties", "items", "minItems", "maxItems",
    "uniqueItems", "minLength", "maxLength", "pattern", "enum", "const", "minimum", "maximum", "x-form", "x-remedy",
})  # fmt: skip


def objections(document: Document) -> Iterator[Fault]:
    """Everything that is wrong with a task type whose form is right."""
    yield from _names(document)
    yield from _permits(document)
    faults = list(_schemas(document))
    # A schema that is wrong would make every check and example look wrong too.
    faults = faults or [*_checks(document), *_remembers(document)]
    yield from faults or _examples(document)


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
            yield document.fault(
                ("actions", index),
                f"the action {name!r} needs the permission {needed!r}",
                f"add {needed} to permissions",
            )
        if name in FINANCIAL_ACTIONS and value.get("risk") != Risk.FINANCIAL:
            yield document.fault(("actions", index), f"the action {name!r} moves money", "write risk: financial")
    for part in ("actions", "permissions"):
        if len(set(value[part])) != len(value[part]):
            yield document.fault((part,), "a name stands here twice", "remove one")


def _remembers(document: Document) -> Iterator[Fault]:
    kept = document.value.get("recall", {}).get("keeps", "")
    texts = [name for name, schema in document.value["output"].get("properties", {}).items()
             if schema.get("type") == "string"]  # fmt: skip
    if kept and kept not in texts:
        yield document.fault(("recall", "keeps"), f"the output has no text {shown(kept)}", suggestion(kept, texts))


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


def _loose_parts(document: Document, path: Path, schema: object) -> Iterator[Fault]:
    """Every part that leaves something open: unknown properties, texts and lists without end, fractions."""
    if not isinstance(schema, dict):
        yield document.fault(path, "the schema allows anything or nothing", "write a type, enum or const")
        return
    part = cast("dict[str, Any]", schema)
    for keyword in sorted(part.keys() - KEYWORDS):
        yield document.fault(
            (*path, keyword),
            f"the keyword {shown(keyword)} is not used in task types",
            suggestion(keyword, sorted(KEYWORDS)),
        )
    yield from (document.fault(path, reason, remedy) for reason, remedy in _openings(part))
    for name, inner in part.get("properties", {}).items():
        yield from _loose_parts(document, (*path, "properties", name), inner)
    if "items" in part:
        yield from _loose_parts(document, (*path, "items"), part["items"])


def _openings(part: dict[str, Any]) -> Iterator[tuple[str, str]]:
    kind = part.get("type")
    if kind == "object" and part.get("additionalProperties") is not False:
        yield "the object is open", "write additionalProperties: false"
    if kind == "string" and not {"maxLength", "enum", "const"} & part.keys():
        yield "the text has no limit", "write maxLength"
    if kind == "array" and not {"maxItems", "items"} <= part.keys():
        yield "the list has no limit or no kind of entry", "write maxItems and items"
    if kind == "number" or isinstance(kind, list):
        yield "the type has no single spelling", "use one type; write fractions as whole numbers of a smaller unit"
    if kind is None and not {"enum", "const"} & part.keys():
        yield "the schema allows anything", "write a type, enum or const"


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
            yield document.fault(path, f"the output has no text at {shown(field)}", "name a text with field")


def _has_text(schema: dict[str, Any], field: str) -> bool:
    for name in field.replace("[]", ".[]").split("."):
        schema = schema.get("items", {}) if name == "[]" else schema.get("properties", {}).get(name, {})
    return schema.get("type") == "string"


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
    context = msgspec.convert(example.get("context", {}), Context)
    checks = [Check(check["name"], check.get("parameters", {})) for check in document.value["checks"]]
    known, expected = {check.name for check in checks}, set(example.get("findings", ()))
    found = {check.name: finding for check in checks for finding in run_one(check, example["output"], context)}
    for name in sorted(expected - known):
        yield document.fault((*path, "findings"), f"{shown(name)} is none of the checks of this task type")
    for name in sorted(found.keys() - expected):
        yield document.fault((*path, "output"), f"{name} objects: {found[name]}", "mend it, or list it in findings")
    for name in sorted(expected & known - found.keys()):
        yield document.fault((*path, "findings"), f"{name} does not object to this example", "mend the example")
