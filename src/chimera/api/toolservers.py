"""Tool servers: do they answer, what do they offer, what of it waits in quarantine; and approving exactly that.

Asking them starts programs and reaches out, so it is a write of whoever may; everybody else sees the last answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Annotated

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field

from chimera.api.guard import Who
from chimera.api.route import Needs, Route
from chimera.domain.errors import Missing
from chimera.domain.tools import Definition, Standing, ToolKind, ToolPin, differences, standing
from chimera.governance.security.gateway import SecurityGateway
from chimera.governance.tools import pins
from chimera.governance.tools.classify import classify
from chimera.governance.tools.pins import Pins
from chimera.ports.clock import Clock
from chimera.ports.store import Reads
from chimera.ports.toolbox import ToolServers

OpenServers = Callable[[], AbstractAsyncContextManager[ToolServers]]


class ServerShown(Struct, frozen=True, kw_only=True):
    """One server when it was last asked. `why` is empty when it answered."""

    name: str
    answers: bool
    why: str
    tools: int
    pinned: int


class PartShown(Struct, frozen=True, kw_only=True):
    """A part of a definition that is not what was approved."""

    part: str
    before: str
    after: str


class ToolWaiting(Struct, frozen=True, kw_only=True):
    """A tool that nobody may call until a person has looked at it. What it says is a stranger's word."""

    tool: str
    server: str
    standing: str
    kind: str
    digest: str
    changed: tuple[PartShown, ...]


class ServersShown(Struct, frozen=True, kw_only=True):
    """The last look. `refused` are tools that cannot be taken over at all, and why."""

    looked_at_us: int = 0
    servers: tuple[ServerShown, ...] = ()
    waiting: tuple[ToolWaiting, ...] = ()
    refused: Mapping[str, str] = {}


class Look(Struct, frozen=True, kw_only=True):
    """What the servers said when they were last asked."""

    at_us: int = 0
    names: tuple[str, ...] = ()
    failed: Mapping[str, str] = {}
    refused: Mapping[str, str] = {}
    seen: Mapping[str, Definition] = {}


class PinGiven(BaseModel):
    """Exactly this definition, as it was looked at, and what calling it does."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"tool": "web/search", "digest": "0" * 64, "kind": "read"}]}
    )

    tool: Annotated[str, Field(max_length=300)]
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    kind: ToolKind


class PinTaken(BaseModel):
    """Which approval is taken back."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"tool": "web/search"}]})

    tool: Annotated[str, Field(max_length=300)]


class ToolServerRoutes:
    """`/v1/tools/servers` and the writes of `/v1/tools/pins`."""

    def __init__(
        self, *, reads: Reads, desk: Pins, servers: OpenServers, security: SecurityGateway, clock: Clock
    ) -> None:
        self._reads = reads
        self._desk = desk
        self._servers = servers
        self._security = security
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self._last = Look()

    def routes(self) -> Iterator[Route]:
        """What is served."""
        see, change, path = Needs("fleet.look"), Needs(pins.VERB), "/v1/tools"
        yield Route(
            method="GET", path=f"{path}/servers", endpoint=self.show, name="servers", needs=see, answer=ServersShown
        )
        yield Route(method="POST", path=f"{path}/servers/look", endpoint=self.look, needs=change, answer=ServersShown)
        yield Route(method="POST", path=f"{path}/pins", endpoint=self.pin, needs=change, answer=ToolPin)
        yield Route(method="POST", path=f"{path}/pins/revoke", endpoint=self.revoke, needs=change, answer=ToolPin)

    async def show(self) -> ServersShown:
        """Each server when it was last asked, and what waits in quarantine."""
        known, last = await pins.pins(self._reads), self._last
        return ServersShown(looked_at_us=last.at_us, servers=tuple(_rows(last, known)),
                            waiting=tuple(_waiting(last, known, self._security)), refused=last.refused)  # fmt: skip

    async def look(self) -> ServersShown:
        """Ask every server what it offers now. This starts those that are programs, and ends them again."""
        async with self._one_at_a_time, self._servers() as fleet:
            failed = await fleet.discover()
            seen = {one.full_name: one for one in fleet.definitions()}
            self._last = Look(at_us=self._clock.now_us(), names=fleet.servers, failed=failed, refused=fleet.faults(),
                              seen=seen)  # fmt: skip
        return await self.show()

    async def pin(self, given: PinGiven, who: Who) -> ToolPin:
        """Approve exactly the definition that was looked at; the next call of an agent may use it."""
        seen = self._last.seen.get(given.tool)
        if seen is None:
            raise Missing("tool_not_seen", "no server offered this tool when they were last asked", where="tool",
                          remedy="ask them again, and look at it")  # fmt: skip
        return await self._desk.pin(seen, digest=given.digest, kind=given.kind, by=who)

    async def revoke(self, given: PinTaken, who: Who) -> ToolPin:
        """Take an approval back: nobody may call the tool any more."""
        return await self._desk.revoke(given.tool, by=who)


def _rows(last: Look, known: Mapping[str, ToolPin]) -> Iterator[ServerShown]:
    for name in last.names:
        offered = [one for one in last.seen.values() if one.server == name]
        pinned = sum(standing(one, known.get(one.full_name)) is Standing.PINNED for one in offered)
        why = last.failed.get(name, "")
        yield ServerShown(name=name, answers=not why, why=why[:500], tools=len(offered), pinned=pinned)


def _waiting(last: Look, known: Mapping[str, ToolPin], security: SecurityGateway) -> Iterator[ToolWaiting]:
    for name, seen in sorted(last.seen.items()):
        pin = known.get(name)
        found = pins.looked_at(seen, pin, security)
        if found is not Standing.PINNED:
            kind = pin.kind if pin is not None else classify(seen)
            yield ToolWaiting(tool=name, server=seen.server, standing=str(found), kind=str(kind), digest=seen.digest,
                              changed=tuple(_changed(pin, seen)))  # fmt: skip


def _changed(pin: ToolPin | None, seen: Definition) -> Iterable[PartShown]:
    for part, (before, after) in differences(pin.definition if pin else None, seen).items():
        yield PartShown(part=part, before=before, after=after)
