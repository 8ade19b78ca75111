"""A busy process's memory on huge pages: what is collected, when, and that the system really does it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from chimera.adapters.system.huge_pages import LOOK_SECONDS, HugePages, page_bytes, places_in
from chimera.testing.manual_clock import ManualClock

pytestmark = pytest.mark.requirement("R-A7")
SIZE = 2 * 1024 * 1024

# Its own memory before and after, in a process of its own: nobody else's is moved by a test.
MEASURED = """
from pathlib import Path
from chimera.adapters.system.huge_pages import collapse

def on_huge_pages():
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("AnonHugePages"))

kept = [{"number": number, "text": str(number) * 3} for number in range(250_000)]
before, many = on_huge_pages(), collapse()
print(before, many, on_huge_pages(), sum(one["number"] for one in kept))
"""


def place(begins: int, ends: int, rights: str, name: str, *, used_kb: int) -> str:
    head = f"{begins:x}-{ends:x} {rights} 00000000 00:00 0 {name}\nSize: {(ends - begins) // 1024} kB\n"
    return f"{head}KernelPageSize: 4 kB\nRss: {used_kb:>10} kB\nVmFlags: rd wr\n"


@pytest.mark.parametrize(
    ("smaps", "places"),
    [
        (place(0x10_0000, 0x50_0000, "rw-p", "[heap]", used_kb=4_096), [0x20_0000]),
        (place(0x20_0000, 0x60_0000, "rw-p", "", used_kb=2_048), [0x20_0000, 0x40_0000]),
        (place(0x20_0000, 0x60_0000, "rw-p", "", used_kb=2_044), []),
        (place(0x20_0000, 0x3F_F000, "rw-p", "", used_kb=1_900), []),
        (place(0x20_0000, 0x60_0000, "rw-p", "[stack]", used_kb=4_096), []),
        (place(0x20_0000, 0x60_0000, "rw-p", "/usr/lib/libc.so", used_kb=4_096), []),
        (place(0x20_0000, 0x60_0000, "r--p", "", used_kb=4_096), []),
        (place(0x20_0000, 0x60_0000, "rw-s", "/dev/zero (deleted)", used_kb=4_096), []),
        (
            place(0x20_0000, 0x40_0000, "r--p", "", used_kb=9) + place(0x40_0000, 0x60_0000, "rw-p", "", used_kb=2_048),
            [0x40_0000],
        ),
    ],
)
def test_memory_of_its_own_that_it_uses_is_collected(smaps: str, places: list[int]) -> None:
    assert list(places_in(smaps, SIZE)) == places


def test_the_system_moves_it_and_nothing_is_lost() -> None:
    if not page_bytes():
        pytest.skip("this machine has no huge pages for whoever asks")
    done = subprocess.run([sys.executable, "-c", MEASURED], capture_output=True, text=True, check=True, timeout=60)
    before, many, after, total = (int(word) for word in done.stdout.split())
    assert total == sum(range(250_000))
    assert many >= 8
    assert after - before >= 8 * SIZE // 1024


class Collecting:
    """Says how many were collected, from a list; and how long was worked until each look."""

    def __init__(self, *collected: int, worked: list[float]) -> None:
        self._collected = list(collected)
        self._worked = worked
        self.looks = 0

    def collect(self) -> int:
        self.looks += 1
        return self._collected.pop(0)

    def worked(self) -> float:
        return self._worked.pop(0)


async def test_only_who_is_busy_is_looked_at_and_a_look_that_brings_nothing_is_the_last() -> None:
    busy, idle = LOOK_SECONDS, 0.1
    until = [0.0, idle, idle, idle + busy, idle + busy, 2 * idle + busy, 2 * idle + busy, 2 * idle + 2 * busy]
    collecting = Collecting(40, 0, worked=until)
    await HugePages(ManualClock(), collect=collecting.collect, worked=collecting.worked).run()
    assert collecting.looks == 2, "idle before the first, and between the two"
    assert not until
