"""Both buses by the same rules; and the one over Valkey when the server goes away and comes back."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import pytest

from chimera.adapters.inprocess.bus import InProcessBus
from chimera.adapters.local.valkey import RunningValkey, start_valkey
from chimera.adapters.valkey.bus import ValkeyBus
from chimera.adapters.valkey.connection import Valkey
from chimera.domain.errors import Refused
from chimera.ports.bus import Gap, Message
from chimera.testing.bus_conformance import BusConformance, heard_next

pytestmark = pytest.mark.requirement("R-A7")


class TestInProcessBus(BusConformance):
    @pytest.fixture
    def bus(self) -> InProcessBus:
        return InProcessBus()


class TestValkeyBus(BusConformance):
    @pytest.fixture
    def bus(self, valkey: Valkey) -> ValkeyBus:
        return ValkeyBus(valkey)


async def test_who_is_too_slow_hears_a_gap_and_not_half_of_it() -> None:
    bus = InProcessBus(waiting_max=3)
    async with contextlib.aclosing(bus.listen(("a",))) as listening:
        assert await heard_next(listening) == Gap()
        for number in range(5):
            await bus.publish("a", str(number).encode())
        assert await heard_next(listening) == Gap()
        assert await heard_next(listening) == Message("a", b"4")


@pytest.mark.faults
async def test_a_killed_server_is_a_gap_and_then_words_come_again(tmp_path: Path) -> None:
    home = tmp_path / "h"
    server = await start_valkey(home)
    connection = Valkey(server.url)
    bus = ValkeyBus(connection)
    try:
        async with contextlib.aclosing(bus.listen(("a",))) as listening:
            assert await heard_next(listening) == Gap()
            os.kill(server.pid, signal.SIGKILL)
            await server.stop()
            assert not await bus.publish("a", b"lost")
            server = await start_valkey(home)
            assert await heard_next(listening) == Gap()
            assert await bus.publish("a", b"there")
            assert await heard_next(listening) == Message("a", b"there")
    finally:
        await connection.close()
        await server.stop()


async def test_a_role_says_and_hears_what_its_rules_name(server: RunningValkey) -> None:
    await server.write_acl({"effects": "&chimera:granted &chimera:acted:* +subscribe +publish"})
    connection = Valkey(server.url_of("effects"))
    bus = ValkeyBus(connection)
    try:
        assert await bus.publish("granted", b"")
        with pytest.raises(Refused, match="valkey_not_permitted"):
            await bus.publish("halted", b"")
        with pytest.raises(Refused, match="valkey_not_permitted"):
            async with contextlib.aclosing(bus.listen(("halted",))) as listening:
                await heard_next(listening)
    finally:
        await connection.close()
