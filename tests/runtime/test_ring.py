"""The event ring in Rust, by the rules of every bus; and what it costs whoever is too slow."""

from __future__ import annotations

import contextlib
import threading

import pytest

from chimera.adapters.inprocess.ring_bus import RingBus
from chimera.domain import native
from chimera.ports.bus import Gap, Message
from chimera.testing.bus_conformance import BusConformance, heard_next

pytestmark = [
    pytest.mark.requirement("R-J1", "R-A7"),
    pytest.mark.skipif(native.runtime is None, reason="the Rust library is not built"),
]


def ring_of(words_max: int) -> native.Ring:
    assert native.runtime is not None
    return native.runtime.Ring(words_max)


class TestRingBus(BusConformance):
    @pytest.fixture
    def bus(self) -> RingBus:
        return RingBus(ring_of(10_000))


async def test_who_is_too_slow_hears_a_gap_and_then_what_is_still_there() -> None:
    bus = RingBus(ring_of(2))
    async with contextlib.aclosing(bus.listen(("a",))) as listening:
        assert await heard_next(listening) == Gap()
        for number in range(5):
            await bus.publish("a", str(number).encode())
        assert [await heard_next(listening) for _ in range(3)] == [Gap(), Message("a", b"3"), Message("a", b"4")]


def test_threads_lose_and_double_nothing() -> None:
    ring, threads_many, words_many = ring_of(100_000), 4, 2_000
    threads = [
        threading.Thread(target=lambda name=str(name): [ring.push(name, b"%d" % n) for n in range(words_many)])
        for name in range(threads_many)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    words, place, has_gap = ring.read(0, ["*"])
    assert (place, has_gap) == (threads_many * words_many, False)
    for name in range(threads_many):
        assert [int(body) for topic, body in words if topic == str(name)] == list(range(words_many))
