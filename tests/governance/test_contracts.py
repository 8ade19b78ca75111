"""Output that does not match is never passed on; what does not match is told in words, with its place."""

from __future__ import annotations

import timeit
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera.adapters.documents.specs import load_specs
from chimera.domain.errors import Invalid, Missing
from chimera.governance.contracts import Contracts
from chimera.governance.schemas import Schema

SPECS = load_specs()
CONTRACTS = Contracts(SPECS)
POST = SPECS["copy.post"]
GOOD = {"text": "hello", "sources": []}


@pytest.mark.requirement("R-K1", "R-D6")
@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"text": "hello"}, "'sources' is missing (add it) [schema]"),
        (
            {"text": "hello", "sources": [], "other": 1},
            "other: 'other' is not known here (known: text, sources, media) [schema]",
        ),
        ({"text": "hello", "source": []}, "source: 'source' is not known here (did you mean 'sources'?) [schema]"),
        ({"text": 5, "sources": []}, "text: the number 5 where text belongs [schema]"),
        ({"text": "", "sources": []}, "text: nothing is written here [schema]"),
        ({"text": "x" * 2001, "sources": []}, "text: 2001 characters, 2000 at most [schema]"),
        ({"text": "x", "sources": ["a"] * 11}, "sources: 11 entries, 10 at most [schema]"),
        ({"text": "x", "sources": [None]}, "sources[0]: nothing where text belongs [schema]"),
        ([], "a list where an object belongs [schema]"),
        (None, "nothing where an object belongs [schema]"),
    ],
)
def test_output_that_differs(value: object, told: str):
    assert told in CONTRACTS.output_findings(POST, value)


def test_output_that_matches():
    assert CONTRACTS.output_findings(POST, GOOD) == ()


def test_what_a_schema_would_take_and_a_record_must_not():
    scan = {"trends": [{"topic": "t", "score_bp": 5000.0, "why": "w"}]}
    assert "float cannot be recorded" in CONTRACTS.output_findings(SPECS["trend.scan"], scan)[0]
    assert "NUL" in CONTRACTS.output_findings(POST, {"text": "a\0", "sources": []})[0]


@pytest.mark.parametrize(
    "value", [{"text": "\ud800", "sources": []}, {1: 2}, {"text": b"x"}, {"text": object()}, {"text": {1, 2}}]
)
def test_what_is_not_json_is_a_finding_and_never_an_exception(value: object):
    assert CONTRACTS.output_findings(POST, value)


def test_depth_without_end_is_a_finding():
    value: dict[str, Any] = {}
    for _ in range(100_000):
        value = {"text": value}
    assert CONTRACTS.output_findings(POST, value)


@pytest.mark.requirement("R-K1")
def test_input_is_required_to_match():
    CONTRACTS.require_input(POST, {"platform": "sandbox", "topic": "t", "brief": "b"})
    with pytest.raises(Invalid) as caught:
        CONTRACTS.require_input(POST, {"platform": "sandbox", "topic": "t"}, where="plan.steps.a")
    assert (caught.value.where, caught.value.message) == ("plan.steps.a", "'brief' is missing")
    with pytest.raises(Invalid) as caught:
        CONTRACTS.require_input(POST, {"platform": "SAND", "topic": "t", "brief": "b"})
    assert caught.value.where == "input of copy.post.platform"
    with pytest.raises(Invalid):
        CONTRACTS.require_input(SPECS["trend.scan"], {"platform": "sandbox", "window_minutes": 60.0, "count_max": 5})
    assert CONTRACTS.input_findings(POST, {}) != ()


def test_another_version_of_a_spec_is_not_taken_for_this_one():
    with pytest.raises(Missing):
        CONTRACTS.output_findings(msgspec.structs.replace(POST, digest="0" * 64), GOOD)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=5), part, max_size=3),
        max_leaves=8,
    )
)
def test_any_value_gives_findings_or_matches(value: object):
    for spec in SPECS.values():
        for finding in CONTRACTS.output_findings(spec, value):
            assert finding.endswith("[schema]")


def test_schemas_are_compiled_once():
    # Looking twice meets the same compiled schema: nothing is compiled on the hot path.
    CONTRACTS.output_findings(POST, GOOD)
    first = CONTRACTS._pair(POST)
    CONTRACTS.output_findings(POST, GOOD)
    assert CONTRACTS._pair(POST) is first


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"type": "strin"}, "not valid"),
        ({"pattern": "("}, "regex"),
        ({"pattern": "(?=a)"}, "regex"),
        ({"$ref": "http://x.example/y"}, "Retrieval is disabled"),
        ({"$ref": "#/none"}, "does not exist"),
        ({"pattern": "a{1,1000}{1,1000}{1,1000}"}, ""),
        ({"type": "string", "maxLength": -1}, ""),
    ],
)
def test_schemas_that_are_none(schema: dict[str, Any], reason: str):
    with pytest.raises(Invalid) as caught:
        Schema(schema)
    assert reason in caught.value.message


def timed(work: Callable[[], object]) -> float:
    return timeit.timeit(work, number=1)


def test_a_pattern_cannot_be_made_to_backtrack():
    schema = Schema({"type": "string", "pattern": "^(a+)+$"})
    assert timed(lambda: schema.accepts("a" * 50_000 + "!")) < 1
