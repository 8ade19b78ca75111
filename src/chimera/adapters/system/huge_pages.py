"""Moves a busy process's memory to huge pages, where Linux does so on request (6.1 and later).

A fleet at work reads far more memory than a processor's tables of addresses cover: under load a tenth of its time went
into looking up where small pages lie (ADR-232). Whatever the system refuses stays as it is.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from chimera.ports.clock import Clock

_SYSTEM = Path("/sys/kernel/mm/transparent_hugepage")
_MAPS = Path("/proc/self/smaps")
# From the system's own headers: the standard library does not know it.
_MADV_COLLAPSE = 25
# Elsewhere than on x86 and most of ARM one page may have half a gigabyte: nothing to collect a heap in.
PAGE_BYTES_MAX = 4 * 1024 * 1024
LOOK_SECONDS = 5.0
# Who worked less than this share of the time since the last look is left alone.
BUSY_SHARE = 0.5
_PRIVATE = re.compile(
    r"^([0-9a-f]+)-([0-9a-f]+) rw-p \S+ \S+ \S+ *(?:\[heap\])?\n(?:.+\n)*?Rss: +([0-9]+) kB\n", re.MULTILINE
)


def page_bytes() -> int:
    """How large one is; 0 where there are none, or whoever keeps this machine wants none."""
    try:
        if "[never]" in (_SYSTEM / "enabled").read_text():
            return 0
        size = int((_SYSTEM / "hpage_pmd_size").read_text())
    except (OSError, ValueError):
        return 0
    return size if 0 < size <= PAGE_BYTES_MAX else 0


def places_in(maps: str, size: int) -> Iterator[int]:
    """Where a huge page would lie in memory that is nobody else's and no file's, and that is in use for the most part.

    Of a thread's stack a page or two are used: on a huge one it would take what it never needs.
    """
    for found in _PRIVATE.finditer(maps):
        begins, ends, used = int(found[1], 16), int(found[2], 16), int(found[3]) * 1024
        if 2 * used >= ends - begins:
            yield from range(-(-begins // size) * size, ends - size + 1, size)


def collapse() -> int:
    """How many huge pages this process's memory is on afterwards. One at a time: in between it may use its memory."""
    size, many = page_bytes(), 0
    if not size:
        return 0
    advise = ctypes.CDLL(None, use_errno=True).madvise
    advise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    for place in places_in(_MAPS.read_text(), size):
        if advise(place, size, _MADV_COLLAPSE) == 0:
            many += 1
        elif ctypes.get_errno() == errno.ENOMEM:
            # The machine has no more of them to give: asking on would only have it move others' memory about.
            break
    return many


class HugePages:
    """Looks now and then whether this process is busy, and then collects what it has come to use since."""

    def __init__(
        self, clock: Clock, *, collect: Callable[[], int] = collapse, worked: Callable[[], float] = time.process_time
    ) -> None:
        self._clock = clock
        self._collect = collect
        self._worked = worked

    async def run(self) -> None:
        """Until cancelled; or until a look brings nothing, as on a system that cannot."""
        before = self._worked()
        while True:
            await self._clock.sleep(LOOK_SECONDS)
            is_busy = self._worked() - before > BUSY_SHARE * LOOK_SECONDS
            # A thread of its own: the system copies what it moves, and the loop goes on meanwhile.
            if is_busy and not await asyncio.to_thread(self._collect):
                return
            before = self._worked()
