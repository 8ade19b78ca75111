"""The tools and queries that selection is measured on: published definitions, generated ones, and which is which.

The queries were written from the tools' names, before anybody looked at a description. Half of them, by hash, is never
tuned on: `untouched`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from chimera.domain.tools import Definition

DATA = Path(__file__).parent / "data" / "tools"
READS = ("get", "list", "find")
ACTS = ("create", "get", "list", "update", "delete", "find")
_WORDING = {
    "create": ("Registers a new {thing} with the {theme} service and returns its identifier.",
               "Add {a} {thing}. The record is stored at once; duplicates are rejected."),
    "get": ("Returns one {thing} by identifier, with every field.",
            "Look up a single {thing} of the {theme} service."),
    "list": ("Returns every {thing} page by page, newest first.",
             "All {thing} records, optionally narrowed by date and status."),
    "update": ("Changes fields of an existing {thing}.",
               "Modify {a} {thing}; fields that are left out stay as they are."),
    "delete": ("Removes {a} {thing} for good.",
               "Cancel and erase {a} {thing}. This cannot be undone."),
    "find": ("Searches {thing} records by words.",
             "Full-text search over {thing} entries of the {theme} service."),
}  # fmt: skip


class Query(Struct, frozen=True, kw_only=True):
    """What somebody wants, and the tools that would do."""

    text: str
    accepted: frozenset[str]
    is_real: bool

    @property
    def is_untouched(self) -> bool:
        """Whether nothing was ever tuned on it."""
        return hashlib.sha256(self.text.encode()).digest()[0] % 2 == 1


class Published(Struct, frozen=True, kw_only=True):
    """One line of the collected definitions."""

    name: str
    description: str
    schema: dict[str, object]
    read_only: bool


def real_tools() -> Iterator[Definition]:
    """What the packages in `sources.json` published, word for word."""
    for path in sorted(DATA.glob("real_*.jsonl")):
        server = path.stem.removeprefix("real_")
        for line in path.read_bytes().splitlines():
            told = msgspec.json.decode(line, type=Published)
            yield Definition(server=server, name=told.name, description=told.description,
                             schema=msgspec.json.encode(told.schema, order="sorted").decode(),
                             says_read_only=told.read_only)  # fmt: skip


def generated_tools() -> Iterator[Definition]:
    """Six tools for each thing of each invented trade; a server for each thing."""
    for line in (DATA / "themes.txt").read_text("utf-8").splitlines():
        theme, _, things = line.partition(": ")
        for thing in things.split(", "):
            for act in ACTS:
                yield _generated(theme, thing, act)


def queries() -> tuple[Query, ...]:
    """Every query, real ones first."""
    return (*_queries("queries_real.tsv", is_real=True), *_queries("queries_generated.tsv", is_real=False))


def _queries(name: str, *, is_real: bool) -> Iterator[Query]:
    homes = {} if is_real else {f"{act} {thing}": _home(theme, thing, act) for theme, thing, act in _invented()}
    for line in (DATA / name).read_text("utf-8").splitlines():
        text, _, accepted = line.partition("\t")
        names = accepted.split(",")
        yield Query(text=text, accepted=frozenset(homes.get(one, one) for one in names), is_real=is_real)


def _invented() -> Iterator[tuple[str, str, str]]:
    for line in (DATA / "themes.txt").read_text("utf-8").splitlines():
        theme, _, things = line.partition(": ")
        yield from ((theme, thing, act) for thing in things.split(", ") for act in ACTS)


def _home(theme: str, thing: str, act: str) -> str:
    return f"{_server(theme, thing)}/{_tool(thing, act)}"


def _server(theme: str, thing: str) -> str:
    return f"{theme}-{thing.replace(' ', '-')}"


def _tool(thing: str, act: str) -> str:
    return f"{act}_{thing.replace(' ', '_').replace('-', '_')}"


def _generated(theme: str, thing: str, act: str) -> Definition:
    wording = _WORDING[act]
    chosen = wording[hashlib.sha256(f"{theme}/{thing}/{act}".encode()).digest()[0] % len(wording)]
    article = "an" if thing[0] in "aeiou" else "a"
    properties: dict[str, object] = {
        "create": {"title": {"type": "string"}, "date": {"type": "string"}, "note": {"type": "string"}},
        "get": {"id": {"type": "string"}},
        "list": {"status": {"type": "string"}, "limit": {"type": "integer"}},
        "update": {"id": {"type": "string"}, "title": {"type": "string"}, "note": {"type": "string"}},
        "delete": {"id": {"type": "string"}},
        "find": {"words": {"type": "string"}, "limit": {"type": "integer"}},
    }[act]  # type: ignore[assignment]
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return Definition(server=_server(theme, thing), name=_tool(thing, act), says_read_only=act in READS,
                      description=chosen.format(thing=thing, theme=theme, a=article),
                      schema=msgspec.json.encode(schema, order="sorted").decode())  # fmt: skip
