"""A person's key: made once, found again by another process, gone when it is destroyed."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from chimera.adapters.local.subject_keys import LocalSubjectKeys
from chimera.testing.manual_clock import ManualClock

pytestmark = pytest.mark.requirement("R-D5")


def keys_in(home: Path, clock: ManualClock | None = None) -> LocalSubjectKeys:
    return LocalSubjectKeys(home, clock=clock or ManualClock())


def test_what_one_process_seals_another_opens_and_nobody_after_the_key_is_destroyed(tmp_path: Path) -> None:
    clock = ManualClock()
    one, other = keys_in(tmp_path, clock), keys_in(tmp_path, clock)
    name = one.name_of("@Mila")
    assert name == other.name_of("@mila")
    sealed = one.seal(name, b"my words", about="record-1")
    assert b"my words" not in sealed
    assert other.open(name, sealed, about="record-1") == b"my words"
    assert other.open(name, sealed, about="record-2") is None, "sealed parts can be moved to another record"
    assert one.destroy(name, made_until_us=2**62)
    # The other process remembers the key for a second, and no longer.
    clock.advance(1)
    assert other.open(name, sealed, about="record-1") is None
    assert not other.has(name)
    assert other.is_erased(name)
    assert list((tmp_path / "subjects").rglob("*.key")) == []


def test_who_writes_again_has_another_key_and_the_old_words_stay_closed(tmp_path: Path) -> None:
    clock = ManualClock()
    keys = keys_in(tmp_path, clock)
    name = keys.name_of("@mila")
    old = keys.seal(name, b"old", about="r")
    erased_at_us = clock.now_us()
    assert keys.destroy(name, made_until_us=erased_at_us)
    clock.advance(1)
    new = keys.seal(name, b"new", about="r")
    assert keys.open(name, old, about="r") is None
    # The journal is replayed at the next start: it is about the old key.
    assert not keys.destroy(name, made_until_us=erased_at_us)
    assert keys.open(name, new, about="r") == b"new"


def test_a_key_is_made_once_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    keys = keys_in(tmp_path)
    name = keys.name_of("@mila")
    sealed = keys.seal(name, b"words", about="r")
    keys.make(name)
    assert keys.open(name, sealed, about="r") == b"words"
    (path,) = (tmp_path / "subjects").rglob("*.key")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "mila" not in str(path)
