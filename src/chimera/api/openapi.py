"""The API's description: what FastAPI knows of requests, what msgspec knows of answers, and one shape of errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_origin

import msgspec
import msgspec.inspect
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from chimera.api.problems import MEDIA_TYPE, Problem, title_of
from chimera.api.route import JSON, GuardedRoute, Needs, Route

REF = "#/components/schemas/{name}"
TITLE = "Chimera"
ABOUT = (
    "Everything that the console can do. Errors are problem+json with stable codes. "
    "Writes by cookie carry X-CSRF-Token; changes of a record carry If-Match with its ETag; "
    "any write may carry Idempotency-Key."
)
_MEANINGS = {
    "400": "the request cannot be read", "401": "nobody is logged in", "403": "not allowed",
    "404": "there is no such thing", "409": "somebody was faster: read again", "412": "it has changed since",
    "413": "too large", "421": "this name is not served here", "422": "the input is wrong",
    "428": "If-Match is missing", "429": "too often", "500": "a fault of ours", "503": "try later",
}  # fmt: skip
_CODES = {
    "400": "request_malformed", "401": "session_missing", "403": "not_permitted", "404": "record_missing",
    "409": "review_claimed", "412": "version_stale", "413": "request_too_large", "421": "host_not_served",
    "422": "request_invalid", "428": "version_not_given", "429": "rate_limited", "500": "unexpected",
    "503": "unreachable",
}  # fmt: skip
_ALWAYS = ("400", "404", "413", "421", "422", "429", "500", "503")
_GUARDED = ("401", "403")
_WRITES = ("409", "412", "428")


def install(app: FastAPI, version: str) -> None:
    """The application describes itself, once."""

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = document(app, version)
        return app.openapi_schema

    app.openapi = describe


def encoded(app: FastAPI) -> bytes:
    """The document as it is served and committed."""
    return msgspec.json.format(msgspec.json.encode(app.openapi(), order="sorted"), indent=2) + b"\n"


def document(app: FastAPI, version: str) -> dict[str, Any]:
    """The whole document."""
    described = get_openapi(title=TITLE, version=version, description=ABOUT, routes=app.routes)
    routes = [found.route for found in app.routes if isinstance(found, GuardedRoute)]
    answers = [route.answer for route in routes if route.answer is not None]
    refs, components = msgspec.json.schema_components([Problem, *answers], ref_template=REF)
    _require_what_is_always_there(components, answers)
    schemas = described.setdefault("components", {}).setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    if twice := [name for name in schemas.keys() & components.keys() if not _alike(schemas[name], components[name])]:
        raise AssertionError(f"a request and an answer of one name, of which one would be lost: {sorted(twice)}")
    schemas.update(components)
    shapes = dict(zip([id(route) for route in routes if route.answer is not None], refs[1:], strict=True))
    for route in routes:
        operation = described["paths"].get(_plain(route.path), {}).get(route.method.lower())
        if operation is not None:
            operation["responses"] = _responses(route, shapes.get(id(route)))
            _with_headers(route, operation)
    described["components"]["responses"] = {f"Problem{code}": _refusal(code) for code in _MEANINGS}
    described["components"]["securitySchemes"] = {
        "cookie": {"type": "apiKey", "in": "cookie", "name": "chimera_session"},
        "token": {"type": "http", "scheme": "bearer"},
    }
    described["paths"].pop("/{path}", None)
    # Through JSON and back: what the generators give still holds tuples.
    return msgspec.json.decode(msgspec.json.encode(described, order="sorted"))


def _require_what_is_always_there(components: dict[str, dict[str, Any]], answers: Sequence[Any]) -> None:
    """An answer has every field, also where it is as by default, unless its struct leaves such fields out."""
    terse = {found.__name__ for found in _structs_of(answers) if found.__struct_config__.omit_defaults}
    for name, shape in components.items():
        if "properties" in shape and name not in terse:
            shape["required"] = sorted(shape["properties"])


def _structs_of(answers: Sequence[Any]) -> set[type[msgspec.Struct]]:
    """Every struct that an answer is made of."""
    found: set[type[msgspec.Struct]] = set()
    left: list[Any] = list(msgspec.inspect.multi_type_info(answers))
    while left:
        one = left.pop()
        if isinstance(one, msgspec.inspect.StructType):
            struct = get_origin(one.cls) or one.cls
            if struct in found:
                continue
            found.add(struct)
        fields = getattr(one, "fields", ())
        left += (field.type for field in fields)
        left += getattr(one, "types", ()) + getattr(one, "item_types", ())
        left += (getattr(one, name) for name in ("item_type", "key_type", "value_type") if hasattr(one, name))
    return found


def _alike(first: dict[str, Any], second: dict[str, Any]) -> bool:
    """Whether two descriptions are of the same list of words; anything else of one name is two things."""
    return "enum" in first and sorted(first["enum"]) == sorted(second.get("enum", ()))


def _plain(path: str) -> str:
    return path.replace(":path}", "}")


def _responses(route: Route, shape: dict[str, Any] | None) -> dict[str, Any]:
    codes: Sequence[str] = (*_ALWAYS, *(_GUARDED if isinstance(route.needs, Needs) else ("401",)))
    codes = (*codes, *(_WRITES if route.method != "GET" else ()))
    answered: dict[str, Any] = {"description": "done"}
    if shape is not None and route.status != 204:
        answered["content"] = {route.media: {"schema": {"type": "string"} if "stream" in route.media else shape}}
    elif route.status != 204:
        answered["content"] = {route.media: {"schema": {"type": "object" if route.media == JSON else "string"}}}
    refused = {code: {"$ref": f"#/components/responses/Problem{code}"} for code in sorted(codes)}
    known = {"304": {"description": "as it was"}} if route.method == "GET" else {}
    return {str(route.status): answered, **known, **refused}


def _refusal(code: str) -> dict[str, Any]:
    example = Problem(type=f"urn:chimera:problem:{_CODES[code]}", title=title_of(int(code)), status=int(code),
                      detail=_MEANINGS[code], code=_CODES[code])  # fmt: skip
    problem = {"schema": {"$ref": REF.format(name="Problem")}, "example": msgspec.to_builtins(example)}
    return {"description": _MEANINGS[code], "content": {MEDIA_TYPE: problem}}


def _with_headers(route: Route, operation: dict[str, Any]) -> None:
    guarded = isinstance(route.needs, Needs)
    operation["security"] = [{"cookie": []}, {"token": []}] if guarded else []
    if route.method == "GET" or not guarded:
        return
    parameters = operation.setdefault("parameters", [])
    for name, about in (
        ("X-CSRF-Token", "the word of GET /v1/session; needed with a cookie"),
        ("Idempotency-Key", "sent again under the same key, a write gets the answer that it got"),
    ):
        parameters.append({"name": name, "in": "header", "required": False, "description": about,
                           "schema": {"type": "string", "maxLength": 200}})  # fmt: skip
    if "version" in route.endpoint.__annotations__:
        parameters.append({"name": "If-Match", "in": "header", "required": True,
                           "description": "the ETag of what was looked at",
                           "schema": {"type": "string", "examples": ['"3"'], "maxLength": 40}})  # fmt: skip
