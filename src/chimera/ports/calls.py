"""Calls to networks that only read: counted before they are made, in the windows in which acts count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct


class Calls(Protocol):
    """Whoever reads a network asks here first. Raises `Refused` (`over_quota`) with the window, and `Unavailable`."""

    async def count(self, platform: str, *, account: str, agent_id: str) -> None:
        """One call more. No account: the agent's own on this network."""
        ...


class Counted(Struct, frozen=True):
    """What a caller has made in a window since it last said so, and how many it wants to have ahead."""

    made: int
    wanted: int


class CallWindows(Protocol):
    """Where calls are counted, by the store's clock. Raises `Unavailable`."""

    async def settle(self, caller: str, windows: Mapping[str, Counted], *, lease_seconds: float) -> dict[str, int]:
        """Note what was made; how many each window lets the caller make next. A window without a cap is not in it."""
        ...
