"""Reads JSON that has one meaning: no duplicate keys, NaN, fractions unasked for, depth without end. Names every place.

Tokens are taken one after the other and nothing recurses.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from enum import Enum
from pathlib import Path as FilePath
from typing import TypeAlias

from chimera.adapters.documents.document import Builder, Document, Stop, decoded, read_bytes
from chimera.adapters.documents.limits import STANDARD, Complaint, DocumentLimits, about_integer
from chimera.domain.faults import shown

_TOKEN = re.compile(
    r"(?P<space>[ \t\r\n]+)|(?P<sign>[{}\[\],:])"
    r'|(?P<text>"[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*")'
    r"|(?P<float>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+(?:[eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+))"
    r"|(?P<integer>-?(?:0|[1-9][0-9]*))|(?P<word>true|false|null)",
)
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_ENDS = frozenset("]}")


class Expected(Enum):
    """What may come next."""

    VALUE = "a value"
    FIRST_VALUE = "a value or ']'"
    FIRST_KEY = "a key in quotes or '}'"
    KEY = "a key in quotes"
    COLON = "':'"
    COMMA_LIST = "',' or ']'"
    COMMA_OBJECT = "',' or '}'"
    END = "the end"


_VALUES = frozenset({Expected.VALUE, Expected.FIRST_VALUE})
_KEYS = frozenset({Expected.KEY, Expected.FIRST_KEY})
Token: TypeAlias = re.Match[str]


def read(path: FilePath, *, limits: DocumentLimits = STANDARD, file: str = "") -> Document:
    """The document in a file, or `Faults`."""
    return parse(read_bytes(path, limits=limits, file=file or str(path)), file=file or str(path), limits=limits)


def parse(data: bytes, *, file: str, limits: DocumentLimits = STANDARD, line: int = 1) -> Document:
    """The document in these bytes, or `Faults`. `line` is where they begin."""
    builder = Builder(file, limits)
    builder.at(line, 1)
    with suppress(Stop):
        _Reader(builder, line).feed(decoded(data, builder))
    return builder.finish()


class _Reader:
    """Says what may come next, and hands what comes to the builder."""

    def __init__(self, builder: Builder, line: int) -> None:
        self._builder = builder
        self._line = line
        self._line_start = 0
        self._expected = Expected.VALUE
        self._closing: list[str] = []

    def feed(self, text: str) -> None:
        position = 0
        while position < len(text):
            self._builder.at(self._line, position - self._line_start + 1)
            token = _TOKEN.match(text, position)
            if token is None:
                self._builder.stop(f"{shown(text[position : position + 20])} is not JSON", _remedy(text, position))
            self._take(token)
            position = token.end()
        if self._expected is not Expected.END:
            self._builder.stop(f"the document ends where {self._expected.value} belongs", "is it whole?")

    def _take(self, token: Token) -> None:
        match token.lastgroup:
            case "space":
                self._count_lines(token)
            case "sign":
                self._sign(token.group())
            case "text" if self._expected in _KEYS:
                self._builder.text(json.loads(token.group()))
                self._expected = Expected.COLON
            case _:
                self._require(_VALUES, token.group())
                self._scalar(token)
                self._after_value()

    def _count_lines(self, token: Token) -> None:
        if breaks := token.group().count("\n"):
            self._line += breaks
            self._line_start = token.start() + token.group().rfind("\n") + 1

    def _scalar(self, token: Token) -> None:
        text = token.group()
        match token.lastgroup:
            case "text":
                self._builder.text(json.loads(text))
            case "integer":
                complaint = about_integer(text)
                if complaint:
                    self._builder.complain(complaint)
                self._builder.value(0 if complaint else int(text))
            case "float":
                if not self._builder.limits.floats:
                    self._builder.complain(Complaint(f"{text[:40]} is a fraction", "write a whole number or a text"))
                self._builder.value(float(text))
            case _:
                self._builder.value(_WORDS[text])

    def _sign(self, sign: str) -> None:
        if sign in "{[":
            self._open(sign)
        elif sign in _ENDS:
            self._close(sign)
        elif sign == ":":
            self._require(frozenset({Expected.COLON}), sign)
            self._expected = Expected.VALUE
        else:
            self._require(frozenset({Expected.COMMA_LIST, Expected.COMMA_OBJECT}), sign)
            self._expected = Expected.VALUE if self._expected is Expected.COMMA_LIST else Expected.KEY

    def _open(self, sign: str) -> None:
        self._require(_VALUES, sign)
        if sign == "{":
            self._builder.open_object()
            self._expected = Expected.FIRST_KEY
        else:
            self._builder.open_list()
            self._expected = Expected.FIRST_VALUE
        self._closing.append("}" if sign == "{" else "]")

    def _close(self, sign: str) -> None:
        closable = {"}": {Expected.FIRST_KEY, Expected.COMMA_OBJECT}, "]": {Expected.FIRST_VALUE, Expected.COMMA_LIST}}
        self._require(frozenset(closable[sign]), sign)
        self._closing.pop()
        self._builder.close()
        self._after_value()

    def _after_value(self) -> None:
        if not self._closing:
            self._expected = Expected.END
        else:
            self._expected = Expected.COMMA_LIST if self._closing[-1] == "]" else Expected.COMMA_OBJECT

    def _require(self, allowed: frozenset[Expected], found: str) -> None:
        if self._expected not in allowed:
            self._builder.stop(f"{shown(found)} stands where {self._expected.value} belongs", "look just before it")


def _remedy(text: str, position: int) -> str:
    if text.startswith(("NaN", "Infinity", "-Infinity"), position):
        return "JSON has no such number"
    if text[position] == "'":
        return "write double quotes"
    return "close the quotes" if text[position] == '"' else "look just before it"
