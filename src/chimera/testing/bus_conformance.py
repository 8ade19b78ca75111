"""Every rule of `ports.bus` as a test. A subclass brings the fixture `bus`; nothing here knows which one it tests."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from chimera.ports.bus import Bus, Gap, Heard, Message

HEARD_SECONDS_MAX = 5.0


async def heard_next(listening: AsyncGenerator[Heard]) -> Heard:
    """What is heard next, in reasonable time."""
    async with asyncio.timeout(HEARD_SECONDS_MAX):
        return await anext(listening)


class BusConformance:
    """All the rules, on the bus of the subclass."""

    async def test_whoever_begins_to_listen_is_told_to_read_first(self, bus: Bus) -> None:
        """What was said before is lost, and the first thing heard is that."""
        await bus.publish("granted", b"too early")
        async with contextlib.aclosing(bus.listen(("granted",))) as listening:
            assert await heard_next(listening) == Gap()
            await bus.publish("granted", b"now")
            assert await heard_next(listening) == Message("granted", b"now")

    async def test_words_come_in_order_and_only_those_asked_for(self, bus: Bus) -> None:
        """Other topics are not heard, nor those that only begin alike."""
        async with contextlib.aclosing(bus.listen(("granted", "acted:*"))) as listening:
            assert await heard_next(listening) == Gap()
            for topic in ("granted:not", "granted", "halted", "acted:one", "acted:two", "granted"):
                assert await bus.publish(topic, topic.encode())
            heard = [await heard_next(listening) for _ in range(4)]
        assert heard == [Message(one, one.encode()) for one in ("granted", "acted:one", "acted:two", "granted")]

    async def test_everybody_who_listens_hears(self, bus: Bus) -> None:
        """A doorbell rings in every room."""
        async with (
            contextlib.aclosing(bus.listen(("halted",))) as one,
            contextlib.aclosing(bus.listen(("halted",))) as other,
        ):
            assert [await heard_next(one), await heard_next(other)] == [Gap(), Gap()]
            await bus.publish("halted", b"\x00\xff bytes")
            assert [await heard_next(one), await heard_next(other)] == [Message("halted", b"\x00\xff bytes")] * 2

    async def test_nobody_needs_to_listen(self, bus: Bus) -> None:
        """Saying something to nobody is no fault."""
        assert await bus.publish("granted", b"")
