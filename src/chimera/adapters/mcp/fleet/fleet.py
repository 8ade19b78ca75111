"""Hundreds of tool servers behind one face. One that misbehaves is named and left alone; the others do not notice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from random import Random
from types import TracebackType
from typing import Any

from mcp import types as mcp_types
from mcp.server import Server

from chimera.adapters.mcp.fleet.entries import Entry, Secrets
from chimera.adapters.mcp.fleet.member import Health, Member
from chimera.domain.errors import ChimeraError, Missing
from chimera.domain.tools import Definition
from chimera.ports.clock import Clock
from chimera.ports.toolbox import Told

DISCOVERIES_AT_ONCE = 32
REFRESH_SECONDS = 60.0


class ToolFleet:
    """`async with ToolFleet(entries, …) as fleet`. One connection per server, never one per agent."""

    def __init__(
        self, entries: Iterable[Entry], *, clock: Clock, secrets: Secrets, seed: int = 0,
        local: Mapping[str, Server[Any]] | None = None, refresh_seconds: float = REFRESH_SECONDS,
    ) -> None:  # fmt: skip
        local = local or {}
        self._clock = clock
        self._refresh_seconds = refresh_seconds
        self._members = {
            entry.name: Member(entry, clock=clock, secrets=secrets, dice=Random(f"{seed}/{entry.name}"),  # noqa: S311
                               local=local.get(entry.name))
            for entry in entries
        }  # fmt: skip
        self._keeper: asyncio.Task[None] | None = None

    async def __aenter__(self) -> ToolFleet:
        self._keeper = asyncio.create_task(self._keep(), name="tool-fleet")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._keeper:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        await asyncio.gather(*(member.close() for member in self._members.values()), return_exceptions=True)

    @property
    def servers(self) -> tuple[str, ...]:
        """Every server by name."""
        return tuple(self._members)

    def definitions(self) -> Iterable[Definition]:
        """Every tool that was found, server by server."""
        for member in self._members.values():
            yield from member.definitions.values()

    def find(self, server: str, tool: str) -> Definition | None:
        """One tool as its server offers it now."""
        member = self._members.get(server)
        return member.definitions.get(tool) if member else None

    def health(self) -> tuple[Health, ...]:
        """How every server is."""
        return tuple(member.health() for member in self._members.values())

    def faults(self) -> dict[str, str]:
        """Every tool that was not taken over, and why."""
        return {f"{name}/{tool}": why for name, member in self._members.items() for tool, why in member.faults.items()}

    async def discover(self, servers: Iterable[str] = ()) -> dict[str, str]:
        """Ask these servers, or all, what they offer; those that failed, and why. Returns when the last has ended."""
        places, wanted = asyncio.Semaphore(DISCOVERIES_AT_ONCE), tuple(servers) or self.servers
        failed: dict[str, str] = {}

        async def one(name: str) -> None:
            async with places:
                try:
                    await self._member(name).discover()
                except ChimeraError as error:
                    failed[name] = error.message

        await asyncio.gather(*(one(name) for name in wanted))
        return failed

    async def call(
        self, server: str, tool: str, arguments: dict[str, Any], *, agent_id: str, repeatable: bool
    ) -> mcp_types.CallToolResult:
        """One server's answer. `Unavailable` and `Refused` carry its name."""
        return await self._member(server).call(tool, arguments, agent_id=agent_id, repeatable=repeatable)

    async def read(self, server: str, tool: str, arguments: dict[str, Any], *, agent_id: str) -> Told:
        """One server's answer to a call that only reads: recordable, and without the secrets that it was given."""
        answer = await self.call(server, tool, arguments, agent_id=agent_id, repeatable=True)
        return self._member(server).told(answer)

    async def known(self, server: str, tool: str) -> Definition | None:
        """One tool as its server offers it now: the server is asked, for it may have changed its mind."""
        member = self._members.get(server)
        return (await member.discover()).get(tool) if member is not None else None

    async def act(self, server: str, tool: str, arguments: dict[str, Any], *, caller: str) -> Told:
        """One server's answer to a call that does something. Sent once."""
        answer = await self.call(server, tool, arguments, agent_id=caller, repeatable=False)
        return self._member(server).told(answer)

    def _member(self, name: str) -> Member:
        member = self._members.get(name)
        if member is None:
            raise Missing("tool_server_unknown", f"there is no tool server {name[:60]!r}", where="server",
                          remedy="chimera tools list names them")  # fmt: skip
        return member

    async def _keep(self) -> None:
        """Let go of what is idle; ask those that are connected what they offer now."""
        while True:
            await self._clock.sleep(self._refresh_seconds)
            for member in self._members.values():
                await member.rest_if_idle()
            await self.discover([one.server for one in self.health() if one.state == "ready"] or ())
