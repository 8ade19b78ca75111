"""YAML that could be read in two ways is refused, with line, reason and remedy; a bomb is refused at once."""

from __future__ import annotations

import json as plain_json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera.adapters.documents import yaml
from chimera.adapters.documents.limits import STANDARD, DocumentLimits
from chimera.domain.faults import Faults
from tests.adapters.documents.faulty import faults_from

PRINTABLE = st.characters(min_codepoint=33, max_codepoint=126)
KEYS = st.text(PRINTABLE, min_size=1, max_size=12).filter(lambda key: key != "<<")
TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn", "Co")), max_size=40).filter(
    lambda t: "\ufeff" not in t
)
SCALARS = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXTS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=20
)


def read(text: str | bytes, *, limits: DocumentLimits = STANDARD):
    data = text.encode() if isinstance(text, str) else text
    return yaml.parse(data, file="a.yaml", limits=limits)


def test_values_and_places():
    document = read("a: 1\nb:\n  - x: yes please\n    y: null\n  - 'no'\nc: {d: true, e: ~}\n")
    assert document.value == {"a": 1, "b": [{"x": "yes please", "y": None}, "no"], "c": {"d": True, "e": None}}
    assert document.place(("b", 0, "y")) == (4, 5)
    assert document.place(("b", 1)) == (5, 5)
    assert document.place(("c", "e")) == (6, 14)
    assert document.place(("b", 0, "missing")) == (3, 5), "what is missing is missing in its nearest parent"


@pytest.mark.requirement("R-C3", "R-K1")
@pytest.mark.parametrize(
    ("text", "line", "reason", "remedy"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "stands here twice, first in line 1", "remove one"),
        ("a: 1\nb:\n  c: 1\n  c: 2\n", 4, "first in line 3", "remove one"),
        ("a: &x 1\nb: 2\n", 1, "an anchor", "write the value out"),
        ("a: 1\nb: *x\n", 2, "an alias", "write the value out"),
        ("a: 1\n<<: {b: 2}\n", 2, "a merge key", "write the entries out"),
        ("a: !!python/object:os.system x\n", 1, "a tag", "plain value"),
        ("a: !!str 1\n", 1, "a tag", "plain value"),
        ("%YAML 1.1\n---\na: 1\n", 1, "directive", "remove it"),
        ("a: 1\n---\nb: 2\n", 2, "a second document", "one document"),
        ("1: x\n", 1, "a key is not text", "in quotes"),
        ("true: x\n", 1, "a key is not text", "in quotes"),
        ("[1]: x\n", 1, "a key is a list", "a key is a name"),
        ("größe: x\n", 1, "beyond printable ASCII", "rename"),
        ("a: 1.5\n", 1, "1.5 is a fraction", "in quotes"),
        ("version: 1.0\n", 1, "1.0 is a fraction", '"1.0" in quotes'),
        ("a: yes\n", 1, "yes without quotes is read differently", 'write "yes"'),
        ("a: Off\n", 1, "Off without quotes", "in quotes"),
        ("a: 0777\n", 1, "0777 without quotes", "in quotes"),
        ("a: 0x1f\n", 1, "0x1f without quotes", "in quotes"),
        ("a: 12:30\n", 1, "12:30 without quotes", "in quotes"),
        ("a: 2026-11-21\n", 1, "2026-11-21 without quotes", "in quotes"),
        ("a: .nan\n", 1, ".nan without quotes", "in quotes"),
        ("a: 1_000\n", 1, "1_000 without quotes", "in quotes"),
        ("a: 9007199254740993\n", 1, "no exact JSON form", "as text"),
        ("a: " + "9" * 5000 + "\n", 1, "5000 digits", "as text"),
        ('a: "x\\0y"\n', 1, "NUL", "remove it"),
        (b"a: x\0y\n", 1, "NUL", "remove it"),
        (b"a: 1\nb: \xff\n", 2, "0xFF is not UTF-8", "UTF-8"),
        (b"a: 1\nb: \xed\xa0\x80\n", 2, "not UTF-8", "UTF-8"),
        ('a: "\\ud800"\n', 1, "invalid Unicode character escape", ""),
        ("a: 1\nb: x\x07y\n", 2, "U+0007", "remove it"),
        ("a: 1\n\tb: 2\n", 2, "tab character", "spaces"),
        ("a: @x\n", 1, "cannot start any token", "in quotes"),
        ("a: b: c\n", 1, "mapping values are not allowed", "in quotes"),
        ("a: [1,\nb: 2\n", 3, "did not find expected", "bracket"),
        ('a: "open\n', 2, "unexpected end of stream", "close the quotes"),
        ("", 1, "empty", "write something"),
        ("# nothing\n", 1, "empty", "write something"),
    ],
)
def test_refused_with_place_and_remedy(text: str | bytes, line: int, reason: str, remedy: str):
    fault = faults_from(lambda: read(text))[0]
    assert (fault.file, fault.line) == ("a.yaml", line)
    assert reason in fault.reason
    assert remedy in fault.remedy


def test_all_faults_are_told_not_only_the_first():
    faults = faults_from(lambda: read("a: 1.5\nb: yes\na: 2\nc: 0x1\n"))
    assert [fault.line for fault in faults] == [1, 2, 3, 4]


@pytest.mark.requirement("R-C3")
@pytest.mark.parametrize(
    "bomb",
    [
        b"a: &a [x,x]\n" + b"".join(b"%c: &%c [*%c,*%c]\n" % (i + 1, i + 1, i, i) for i in range(97, 121)),
        b"[" * 200_000,
        b"{a: " * 50_000,
        b"- " * 100_000,
        b"? " * 100_000,
        b"[1," + b"1," * 100_000 + b"1]",
        b"a: " + b"x" * 10_000_000,
        b"- a\n" * 60_000,
        b"'" * 200_001,
        b"#" * 262_144,
        b"a: |\n" + b" x\n" * 80_000,
    ],
    ids=range(11),
)
def test_bombs_are_refused_at_once(bomb: bytes):
    begun = time.process_time()
    try:
        read(bomb)
    except Faults as error:
        assert len(error.faults) <= 50
    assert time.process_time() - begun < 5, "of our own time; 0.14 s at most on a quiet machine"


def test_limits():
    def refused(text: str, limits: DocumentLimits) -> str:
        return faults_from(lambda: read(text, limits=limits))[0].reason

    assert read("[1, 2]", limits=DocumentLimits(nodes_max=3)).value == [1, 2]
    assert "more than 2 parts" in refused("[1, 2]", DocumentLimits(nodes_max=2))
    assert read("[[1]]", limits=DocumentLimits(depth_max=2)).value == [[1]]
    assert "deeper than 1" in refused("[[1]]", DocumentLimits(depth_max=1))
    assert "6 bytes" in refused("[1, 2]", DocumentLimits(bytes_max=5))


def test_floats_where_they_are_allowed():
    assert yaml.parse(b"a: 1.5", file="a", limits=DocumentLimits(floats=True)).value == {"a": 1.5}


def test_byte_order_mark_is_dropped():
    assert read(b"\xef\xbb\xbfa: 1").value == {"a": 1}


def test_a_file_that_is_not_there_and_one_that_is_a_folder(tmp_path):
    assert "cannot be read" in faults_from(lambda: yaml.read(tmp_path / "none.yaml"))[0].reason
    assert "not a file" in faults_from(lambda: yaml.read(tmp_path))[0].reason


@given(VALUES)
def test_json_is_yaml(value: object):
    assert read(plain_json.dumps(value, ensure_ascii=False)).value == value


@given(st.binary(max_size=400))
def test_any_bytes_give_a_document_or_faults(data: bytes):
    try:
        read(data)
    except Faults as error:
        assert error.faults
