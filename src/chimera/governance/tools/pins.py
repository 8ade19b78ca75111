"""Approvals of tools: a person pins exactly what was looked at. Writes as the office; calls no tool.

A changed, renamed or first-seen tool has no pin that fits, and so waits: nothing here approves by itself.
"""

from __future__ import annotations

from msgspec.structs import replace

from chimera.domain.change import Change
from chimera.domain.errors import Conflict, Missing
from chimera.domain.event import Event, EventKind
from chimera.domain.tools import Definition, PinCommand, PinState, ToolKind, ToolPin, pin_id
from chimera.ports.store import LIST_MAX, Reads, Store


async def pins(reads: Reads) -> dict[str, ToolPin]:
    """Every pin, revoked ones too, by the full name of its tool."""
    found: dict[str, ToolPin] = {}
    after = ""
    while page := await reads.list(ToolPin, after=after, limit=LIST_MAX):
        found.update({one.definition.full_name: one for one in page})
        after = page[-1].id
    return found


class Pins:
    """Pins and takes back. Two people who pin the same tool at once do not both succeed."""

    def __init__(self, *, store: Store) -> None:
        self._store = store

    async def pin(self, seen: Definition, *, digest: str, kind: ToolKind, by: str) -> ToolPin:
        """Approve this definition, if it is still the one that was looked at."""
        if seen.digest != digest:
            raise Conflict("tool_differs", "the tool is not the one that was looked at", where=seen.full_name,
                           remedy="look at it again: chimera tools diff")  # fmt: skip
        before = await self._store.find(ToolPin, pin_id(seen.server, seen.name))
        now_us = await self._store.now_us()
        made = ToolPin(id=pin_id(seen.server, seen.name), definition=seen, digest=digest, kind=kind, pinned_by=by,
                       pinned_at_us=now_us)  # fmt: skip
        if before is not None:
            made = replace(made, version=before.after(PinCommand.PIN).version)
        told = {"before": before.digest if before else "", "kind": str(kind), "by": by}
        await self._write(made, EventKind.TOOL_PINNED, told)
        return made

    async def revoke(self, full_name: str, *, by: str) -> ToolPin:
        """Take an approval back."""
        server, _, tool = full_name.partition("/")
        found = await self._store.find(ToolPin, pin_id(server, tool))
        if found is None:
            raise Missing("tool_not_pinned", "this tool was never pinned", where=full_name[:200],
                          remedy="chimera tools list names those that are")  # fmt: skip
        revoked = found.after(PinCommand.REVOKE)
        assert revoked.state is PinState.REVOKED, "the machine says so"
        await self._write(revoked, EventKind.TOOL_REVOKED, {"by": by})
        return revoked

    async def _write(self, pin: ToolPin, what: EventKind, data: dict[str, str]) -> None:
        told = {"tool": pin.definition.full_name, "digest": pin.digest, **data}
        event = Event(kind=what, subject=pin.id, at_us=await self._store.now_us(), data=told)
        await self._store.commit(Change(records=(pin,), events=(event,)))
