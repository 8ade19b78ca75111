"""Servers of the tests keep their files in memory, and fill no memory that is short."""

from __future__ import annotations

import shutil

import pytest

from tests.folders import MEMORY, folder_in_memory


@pytest.mark.skipif(not MEMORY.is_dir(), reason="this system has no such folder")
def test_where_memory_is_short_the_files_are_on_disk() -> None:
    usage = shutil.disk_usage(MEMORY)
    roomy, short = (folder_in_memory("chimera-test-", room_bytes_min=room) for room in (1, usage.total + 1))
    try:
        assert MEMORY in roomy.parents
        assert MEMORY not in short.parents
    finally:
        roomy.rmdir()
        short.rmdir()
