"""The Rust library reaches nothing: no network, no file, no process, no unsafe code; one place in it knows Python."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chimera.domain import native

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "runtime" / "src").glob("*.rs"))
LOCK = (ROOT / "requirements" / "runtime.lock").read_text()
MANIFEST = (ROOT / "runtime" / "Cargo.toml").read_text()
# Whatever is new among them is looked at before it stands here: it comes into every process of ours.
LOOKED_AT = frozenset({
    "aho-corasick", "chimera-runtime", "heck", "libc", "memchr", "once_cell", "portable-atomic", "proc-macro2", "pyo3",
    "pyo3-build-config", "pyo3-ffi", "pyo3-macros", "pyo3-macros-backend", "quote", "syn", "target-lexicon",
    "unicode-ident",
})  # fmt: skip
REACHES = re.compile(r"\bstd::(?:net|fs|process|env|os)\b|\bunsafe\b(?!_code)|\bextern\b|\binclude(?:_str|_bytes)?!")

pytestmark = pytest.mark.requirement("R-J1", "R-D8")


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_no_source_reaches_the_world(source: Path) -> None:
    assert REACHES.findall(source.read_text()) == []


@pytest.mark.parametrize("line", ["use std::net::TcpStream;", "std::fs::read(x)", "unsafe { *p }", "include_str!(x)"])
def test_what_reaches_the_world_would_be_found(line: str) -> None:
    assert REACHES.search(line)


def test_only_the_bridge_knows_python() -> None:
    assert [source.name for source in SOURCES if "pyo3" in source.read_text()] == ["bridge.rs"]


def test_what_it_depends_on_was_looked_at_and_is_pinned() -> None:
    assert set(re.findall(r'^name = "(.+)"$', LOCK, re.M)) == LOOKED_AT
    assert LOCK.count("\nchecksum = ") == len(LOOKED_AT) - 1
    assert 'unsafe_code = "forbid"' in MANIFEST


def test_the_version_that_is_asked_for_is_the_one_that_is_built() -> None:
    assert f'\nversion = "{native.VERSION}"\n' in MANIFEST


def test_its_types_are_those_that_it_has() -> None:
    stub = (ROOT / "typings" / "chimera_runtime.pyi").read_text()
    bridge = (ROOT / "runtime" / "src" / "bridge.rs").read_text()
    added = set(re.findall(r"add_class::<(\w+)>|wrap_pyfunction!\((\w+)", bridge))
    given = {one for pair in added for one in pair if one}
    assert given <= set(re.findall(r"^(?:class|def) (\w+)", stub, re.M))
