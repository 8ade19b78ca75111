"""Reads YAML that has one meaning: no aliases, tags, merges, duplicates, guesses. Collects faults with their places.

Works on the parser's events instead of composed nodes, so that a bomb is refused at its first alias, level or node
too many and nothing recurses.
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path as FilePath
from typing import Any

import yaml

from chimera.adapters.documents.document import Builder, Document, Stop, decoded, read_bytes
from chimera.adapters.documents.limits import STANDARD, Complaint, DocumentLimits, about_integer, about_text
from chimera.domain.faults import shown

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_NULLS = frozenset({"", "~", "null"})
_BOOLS = {"true": True, "false": False}
_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
# What readers of YAML 1.1 and 1.2 understand differently: it has to be said in quotes.
_AMBIGUOUS = re.compile(
    r"(?i:yes|no|on|off|true|false|null)|=|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
    r"|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?|[-+]?0[xob]?[0-9a-fA-F_]+|[-+]?[0-9][0-9_]*|\+[0-9.][0-9_.eE+-]*"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?|-?[0-9]*\.[0-9_]*([eE][-+]?[0-9]+)?",
)
_REMEDIES = {
    "mapping values are not allowed": "a text with ': ' in it stands in quotes; entries of one object share a column",
    "tab character": "indent with spaces",
    "cannot start any token": "indent with spaces, and write text that begins with a special sign in quotes",
    "did not find expected": "look for a bracket, quote or indentation that does not match, here or just above",
    "could not find expected ':'": "an entry is written 'name: value'",
    "unexpected end of stream": "close the quotes",
    "block sequence entries are not allowed": "start a list on a line of its own, below its name",
}


def read(path: FilePath, *, limits: DocumentLimits = STANDARD, file: str = "") -> Document:
    """The document in a file, or `Faults`."""
    return parse(read_bytes(path, limits=limits, file=file or str(path)), file=file or str(path), limits=limits)


def parse(data: bytes, *, file: str, limits: DocumentLimits = STANDARD) -> Document:
    """The document in these bytes, or `Faults`."""
    builder = Builder(file, limits)
    with suppress(Stop):
        _feed(builder, decoded(data, builder))
    return builder.finish()


def _feed(builder: Builder, text: str) -> None:
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            _take(builder, event)
    except yaml.reader.ReaderError as error:
        _report_letter(builder, text, error)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        builder.at(mark.line + 1 if mark else 1, mark.column + 1 if mark else 1)
        reason = error.problem or error.context or "this is not YAML"
        builder.stop(reason, next((_REMEDIES[sign] for sign in _REMEDIES if sign in reason), "look at the line above"))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        builder.stop(f"this is not YAML: {shown(str(error))}")


def _report_letter(builder: Builder, text: str, error: yaml.reader.ReaderError) -> None:
    # The C reader counts bytes, the Python reader characters; the letter is looked for from there.
    position = next((i for i, letter in enumerate(text) if _is_control(letter)), 0)
    builder.at(text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position))
    builder.stop(f"{error.reason}: U+{ord(text[position]):04X}" if text else str(error.reason), "remove it")


def _is_control(letter: str) -> bool:
    return letter not in "\t\n\r\x85" and (letter < " " or "\x7f" <= letter <= "\x9f" or letter in "\ufffe\uffff")


def _take(builder: Builder, event: yaml.Event) -> None:
    if mark := event.start_mark:
        builder.at(mark.line + 1, mark.column + 1)
    match event:
        case yaml.AliasEvent():
            builder.stop("an alias '*' is not allowed", "write the value out")
        case yaml.DocumentStartEvent():
            _require_one_plain(builder, event)
        case yaml.ScalarEvent():
            _refuse_marks(builder, event)
            _scalar(builder, event)
        case yaml.MappingStartEvent():
            _refuse_marks(builder, event)
            builder.open_object()
        case yaml.SequenceStartEvent():
            _refuse_marks(builder, event)
            builder.open_list()
        case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
            builder.close()
        case _:
            pass


def _require_one_plain(builder: Builder, event: yaml.DocumentStartEvent) -> None:
    if builder.is_complete:
        builder.stop("a second document begins", "one file holds one document")
    if event.version or event.tags:
        builder.stop("a '%' directive is not allowed", "remove it")


def _refuse_marks(builder: Builder, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
    if event.anchor:
        builder.stop("an anchor '&' is not allowed", "write the value out where it is needed")
    if event.tag:
        builder.stop(f"a tag {shown(event.tag)} is not allowed", "write a plain value")


def _scalar(builder: Builder, event: yaml.ScalarEvent) -> None:
    text = event.value
    if not event.implicit[0]:
        builder.text(text)
        return
    complaint, value = _plain(text, floats=builder.limits.floats)
    if complaint:
        builder.complain(complaint)
    builder.value(value)


def _plain(text: str, *, floats: bool) -> tuple[Complaint | None, object]:
    """What is wrong with an unquoted scalar, and its value."""
    if text in _NULLS:
        return None, None
    if text in _BOOLS:
        return None, _BOOLS[text]
    if _INTEGER.fullmatch(text):
        complaint = about_integer(text)
        return complaint, 0 if complaint else int(text)
    if _FLOAT.fullmatch(text):
        return _about_float(text, floats=floats), float(text)
    if _AMBIGUOUS.fullmatch(text):
        return Complaint(
            f"{text[:40]} without quotes is read differently by different readers",
            f'write "{text[:40]}" in quotes, or true, false, null or a plain whole number',
        ), text
    return about_text(text), text


def _about_float(text: str, *, floats: bool) -> Complaint | None:
    if floats:
        return None
    remedy = f'write a whole number of a smaller unit, or "{text[:40]}" in quotes'
    return Complaint(f"{text[:40]} is a fraction", remedy)
