"""Approvals of tools: a person pins exactly what was looked at. Writes as the office; calls no tool.

A changed, renamed or first-seen tool has no pin that fits, and so waits: nothing here approves by itself.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from chimera.domain.change import Change
from chimera.domain.errors import ChimeraError, Conflict, Missing
from chimera.domain.event import Event, EventKind
from chimera.domain.person import Principal
from chimera.domain.tools import Definition, PinCommand, PinState, Standing, ToolKind, ToolPin, pin_id, standing
from chimera.domain.verbs import Resource
from chimera.governance.identity.permits import Permits
from chimera.governance.security.gateway import SecurityGateway
from chimera.ports.store import LIST_MAX, Reads, Store

VERB = "system.change"


async def pins(reads: Reads) -> dict[str, ToolPin]:
    """Every pin, revoked ones too, by the full name of its tool."""
    found: dict[str, ToolPin] = {}
    after = ""
    while page := await reads.list(ToolPin, after=after, limit=LIST_MAX):
        found.update({one.definition.full_name: one for one in page})
        after = page[-1].id
    return found


def looked_at(seen: Definition, known: ToolPin | None, security: SecurityGateway) -> Standing:
    """Where a tool stands. A description that gives orders is called what it is, before somebody approves it."""
    found = standing(seen, known)
    if found is Standing.PINNED:
        return found
    try:
        _require_harmless(seen, security)
    except ChimeraError:
        return Standing.HOSTILE
    return found


class Pins:
    """Pins and takes back, for whoever may. Two people who pin the same tool at once do not both succeed."""

    def __init__(self, *, store: Store, permits: Permits, security: SecurityGateway) -> None:
        self._store = store
        self._permits = permits
        self._security = security

    def require(self, wanted: Iterable[Definition], *, by: Principal) -> None:
        """Nothing, or `Refused` when this person may not approve one of these, or nobody should."""
        for seen in wanted:
            self._require(by, seen.full_name)
            _require_harmless(seen, self._security)

    async def pin(self, seen: Definition, *, digest: str, kind: ToolKind, by: Principal) -> ToolPin:
        """Approve this definition, if it is still the one that was looked at, and gives no orders."""
        self.require((seen,), by=by)
        if seen.digest != digest:
            raise Conflict("tool_differs", "the tool is not the one that was looked at", where=seen.full_name,
                           remedy="look at it again: chimera tools diff")  # fmt: skip
        before = await self._store.find(ToolPin, pin_id(seen.server, seen.name))
        now_us = await self._store.now_us()
        made = ToolPin(id=pin_id(seen.server, seen.name), definition=seen, digest=digest, kind=kind, pinned_by=by.name,
                       pinned_at_us=now_us)  # fmt: skip
        if before is not None:
            made = replace(made, version=before.after(PinCommand.PIN).version)
        told = {"before": before.digest if before else "", "kind": str(kind), "by": by.name}
        await self._write(made, EventKind.TOOL_PINNED, told)
        return made

    async def revoke(self, full_name: str, *, by: Principal) -> ToolPin:
        """Take an approval back."""
        self._require(by, full_name)
        server, _, tool = full_name.partition("/")
        found = await self._store.find(ToolPin, pin_id(server, tool))
        if found is None:
            raise Missing("tool_not_pinned", "this tool was never pinned", where=full_name[:200],
                          remedy="chimera tools list names those that are")  # fmt: skip
        revoked = found.after(PinCommand.REVOKE)
        assert revoked.state is PinState.REVOKED, "the machine says so"
        await self._write(revoked, EventKind.TOOL_REVOKED, {"by": by.name})
        return revoked

    def _require(self, by: Principal, full_name: str) -> None:
        self._permits.require(by, VERB, Resource(kind="tool", id=full_name))

    async def _write(self, pin: ToolPin, what: EventKind, data: dict[str, str]) -> None:
        told = {"tool": pin.definition.full_name, "digest": pin.digest, **data}
        event = Event(kind=what, subject=pin.id, at_us=await self._store.now_us(), data=told)
        await self._store.commit(Change(records=(pin,), events=(event,)))


def _require_harmless(seen: Definition, security: SecurityGateway) -> None:
    described = {"name": seen.name, "description": seen.description, "schema": seen.schema}
    security.require_harmless(described, what=f"the tool {seen.full_name}")
