"""A writer's connection that remembers what was sent over it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import asyncpg

from chimera.adapters.postgres.line import Faults, Line
from chimera.domain.roles import Role
from tests.adapters.postgres.conftest import Database

WRITER = "manager-1"


class Sent(NamedTuple):
    """One batch: when, how many changes, and which windows it said may have to be made."""

    at: float
    changes: int
    unseen: str


class WatchedLine(Line):
    """Of a manager."""

    def __init__(self, database: Database) -> None:
        async def connect() -> asyncpg.Connection:
            return await database.connect(Role.MANAGER)

        super().__init__(connect, WRITER)
        self.sent: list[Sent] = []

    async def send(self, changes: int, arrays: Sequence[Any]) -> Faults:
        self.sent.append(Sent(time.monotonic(), changes, arrays[-1]))
        return await super().send(changes, arrays)
