"""Ids from the machine's entropy: nobody has another's, also not whoever was forked in the middle of a handful."""

from __future__ import annotations

import subprocess
import sys

import pytest

from chimera.adapters.system.clock import IDS_AT_ONCE, SystemIds
from chimera.domain import ids

pytestmark = pytest.mark.requirement("R-N1")


def test_every_id_is_another() -> None:
    fresh = SystemIds()
    made = [fresh.new() for _ in range(5 * IDS_AT_ONCE)]
    assert all(map(ids.is_id, made))
    assert len({one[14:] for one in made}) == len(made), "also without their times"


def test_a_forked_process_has_entropy_of_its_own() -> None:
    look = """
import os
from chimera.adapters.system.clock import SystemIds
fresh = SystemIds()
fresh.new()
reads, writes = os.pipe()
if os.fork() == 0:
    os.write(writes, fresh.new()[14:].encode())
    os._exit(0)
os.wait()
print(os.read(reads, 100).decode(), fresh.new()[14:])
"""
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True, timeout=60)
    child, parent = done.stdout.split()
    assert child != parent
