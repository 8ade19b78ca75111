"""The local store keeps every rule of the port, in virtual time."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from chimera.adapters.memory.database import MemoryDatabase
from chimera.adapters.memory.store import MemoryStore
from chimera.domain.roles import Role
from chimera.testing.store_conformance import StoreConformance


class StandingClock:
    """Time that goes on only when told to."""

    def __init__(self) -> None:
        self.at_us = 1_763_700_000_000_000

    def now_us(self) -> int:
        return self.at_us

    async def sleep(self, seconds: float) -> None:
        self.at_us += round(seconds * 1_000_000)

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[Any]:
        raise NotImplementedError


class MemoryWorld:
    """One database in memory."""

    def __init__(self) -> None:
        self._database = MemoryDatabase()
        self._clock = StandingClock()

    async def open(self, writer: str, role: Role) -> MemoryStore:
        return MemoryStore(self._database, writer=writer, role=role, clock=self._clock)

    async def pass_time(self, seconds: float) -> None:
        await self._clock.sleep(seconds)


class TestMemoryStore(StoreConformance):
    @pytest.fixture
    async def world(self) -> MemoryWorld:
        return MemoryWorld()
