"""JSON that could be read in two ways is refused, with line, reason and remedy."""

from __future__ import annotations

import json as plain_json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera.adapters.documents import json
from chimera.domain.faults import Faults
from tests.adapters.documents.faulty import faults_from
from tests.adapters.documents.test_yaml import VALUES


def read(text: str | bytes):
    return json.parse(text.encode() if isinstance(text, str) else text, file="a.json")


@given(VALUES, st.sampled_from([None, 2]), st.booleans())
def test_agrees_with_the_standard_reader(value: object, indent: int | None, ascii_only: bool):
    assert read(plain_json.dumps(value, indent=indent, ensure_ascii=ascii_only)).value == value


def test_places():
    document = read('{\n  "a": [1,\n    {"b": 2}]\n}')
    assert document.place(("a",)) == (2, 3)
    assert document.place(("a", 1, "b")) == (3, 6)


@pytest.mark.requirement("R-C3")
@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ('{"a": 1,\n "a": 2}', 2, "twice, first in line 1"),
        ('{"a": NaN}', 1, "is not JSON"),
        ('{"a": -Infinity}', 1, "is not JSON"),
        ('{"a": 1.5}', 1, "is a fraction"),
        ('{"a": 1e5}', 1, "is a fraction"),
        ('{"a": 01}', 1, "belongs"),
        ("{'a': 1}", 1, "is not JSON"),
        ('{"a": 1,}', 1, "a key in quotes belongs"),
        ("[1,]", 1, "a value belongs"),
        ("[1 2]", 1, "',' or ']' belongs"),
        ('{"a" 1}', 1, "':' belongs"),
        ('{"a": 1', 1, "the document ends where"),
        ("[1]\n[2]", 2, "the end belongs"),
        ("[1}", 1, "belongs"),
        ('{"a": "\\ud800"}', 1, "half a character"),
        ('{"a": "\\u0000"}', 1, "NUL"),
        ('{"a": "x\ny"}', 1, "is not JSON"),
        ('{"é": 1}', 1, "beyond printable ASCII"),
        ('{"a": 9007199254740993}', 1, "no exact JSON form"),
        ('{"a": ' + "9" * 10_000 + "}", 1, "10000 digits"),
        ("// comment\n1", 1, "is not JSON"),
        ("", 1, "the document ends"),
        (b"\xff", 1, "not UTF-8"),
        ("[" * 100_000, 1, "deeper than"),
        ("[" + "1," * 50_000 + "1]", 1, "more than"),
        ('"' + "x" * 10_000_000 + '"', 1, "bytes"),
    ],
)
def test_refused_with_place(text: str | bytes, line: int, reason: str):
    fault = faults_from(lambda: read(text))[0]
    assert fault.line == line
    assert reason in fault.reason


def test_a_long_text_is_read():
    assert read('"' + "x\\n" * 80_000 + '"').value == "x\n" * 80_000


@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_give_a_document_or_faults(data: bytes):
    try:
        read(data)
    except Faults as error:
        assert error.faults


@given(st.text('{}[]",:01-.eE tfn\\\n', max_size=40))
def test_what_we_accept_the_standard_reader_accepts_too(text: str):
    try:
        value = read(text).value
    except Faults:
        return
    assert plain_json.loads(text) == value
