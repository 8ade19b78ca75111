"""Faults are told in the order of the document, once each, bounded, and safely for a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera.domain.faults import FAULTS_MAX, Fault, Faults, dotted, shown


def fault(line: int, reason: str = "r") -> Fault:
    return Fault(file="f", line=line, reason=reason)


def test_order_and_once():
    faults = Faults([fault(3), fault(1), fault(3), fault(2, "b"), fault(2, "a")])
    assert [(one.line, one.reason) for one in faults.faults] == [(1, "r"), (2, "a"), (2, "b"), (3, "r")]
    assert faults.exit_code == 2
    assert faults.message == "r (and 3 more)"
    assert str(faults).splitlines() == ["f:1: r", "f:2: a", "f:2: b", "f:3: r"]


def test_bounded():
    assert len(Faults(fault(line) for line in range(1, 500)).faults) == FAULTS_MAX


def test_no_faults_are_not_an_error():
    with pytest.raises(AssertionError):
        Faults([])


def test_a_fault_in_words():
    told = Fault(file="m.yaml", line=4, path=("persona", "cast", 0, "name"), reason="is missing", remedy="add it")
    assert str(told) == "m.yaml:4 persona.cast[0].name: is missing (add it)"
    assert dotted((0, "a", 1)) == "[0].a[1]"


@given(st.text() | st.integers() | st.binary() | st.lists(st.text(), max_size=3))
def test_a_shown_value_is_short_and_printable(value: object):
    text = shown(value)
    assert len(text) <= 61
    assert text.isprintable()
    text.encode()
