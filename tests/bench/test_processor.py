"""Processor time goes to whoever took it: the named child, and ourselves; nobody else's process is counted."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from chimera.bench import processor

BUSY = """import time
until = time.process_time() + 0.3
while time.process_time() < until:
    pass
print("x", flush=True)
input()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
def test_each_process_of_ours_has_its_own_time_and_no_other_is_counted() -> None:
    before = processor.seconds({})
    with subprocess.Popen([sys.executable, "-c", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stdin is not None
        child.stdout.readline()
        until = time.process_time() + 0.1
        while time.process_time() < until:
            pass
        worked = processor.seconds({"worker": child.pid}) - before
        child.stdin.write(b"\n")
    assert 0.28 <= worked["worker"] < 2
    assert worked["office"] >= 0.08
    # The server that other tests share is beneath whichever of us needed it first.
    assert set(worked) - {"postgres"} == {"worker", "office"}
