"""Writes all of it or says so: an operating system may take less than it is given. Knows nothing of what it writes."""

from __future__ import annotations

import os


def write_all(handle: int, content: bytes) -> None:
    """Every byte, or `OSError`."""
    left = memoryview(content)
    while left:
        left = left[os.write(handle, left) :]
