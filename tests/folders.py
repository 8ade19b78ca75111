"""Where servers that live as long as a run of the tests keep their files: in memory, where there is room."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
# Three workers have three servers each at most, of a few hundred megabytes. A container may have 64 MB there.
ROOM_BYTES_MIN = 4 * 1024**3


def folder_in_memory(prefix: str, *, room_bytes_min: int = ROOM_BYTES_MIN) -> Path:
    """A new folder of ours: in memory, or on disk where memory is short. Whoever asked removes it."""
    roomy = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= room_bytes_min
    return Path(tempfile.mkdtemp(prefix=prefix, dir=MEMORY if roomy else None))
