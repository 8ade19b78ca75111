"""The door to the fleet's read tools: pinned, permitted, by schema, nothing secret out, nothing hostile in. Only reads.

What does more than read is refused here, with the way that it has to go: a proposed action, and so the gate.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import jsonschema_rs
from msgspec import Struct

from chimera.domain import canonical, labels
from chimera.domain.errors import Invalid, Refused
from chimera.domain.threat import ThreatLevel
from chimera.domain.tools import Definition, Standing, ToolKind
from chimera.gateway.book import PinBook
from chimera.governance.egress import Egress
from chimera.governance.security.gateway import SecurityGateway
from chimera.ports.toolbox import Told, Toolbox
from chimera.ports.tools_read import ToolAnswer

ANSWER_BYTES_MAX = 32_768
VALIDATORS_MAX = 10_000
MayUse: TypeAlias = Callable[[str, str], Awaitable[bool]]


class Guards(Struct, frozen=True, kw_only=True):
    """Who looks at what goes out and what comes in, and who says who may."""

    may_use: MayUse
    security: SecurityGateway
    egress: Egress


class ToolDoor:
    """Implements `ports.tools_read.ToolsRead` for tools named `server/tool`."""

    def __init__(
        self, toolbox: Toolbox, book: PinBook, guards: Guards, *, answer_bytes_max: int = ANSWER_BYTES_MAX
    ) -> None:
        self._toolbox = toolbox
        self._book = book
        self._guards = guards
        self._answer_bytes_max = answer_bytes_max
        self._validators: dict[str, jsonschema_rs.Validator] = {}

    async def call(self, tool: str, arguments: dict[str, Any], *, agent_id: str) -> ToolAnswer:
        """What the tool returned, as a stranger's word."""
        definition = await self.checked(tool, arguments, agent_id=agent_id, kinds=(ToolKind.READ,))
        told = await self._toolbox.read(definition.server, definition.name, arguments, agent_id=agent_id)
        return self.received(definition, told)

    async def checked(
        self, tool: str, arguments: dict[str, Any], *, agent_id: str, kinds: tuple[ToolKind, ...]
    ) -> Definition:
        """The definition of a tool that may be called with these arguments, or why not."""
        definition = await self.usable(tool, agent_id=agent_id)
        kind = self._book.kind(definition)
        if kind not in kinds:
            raise Refused("tool_not_read_only", f"{tool} does more than read: {kind}", where=tool[:200],
                          remedy="propose an action instead")  # fmt: skip
        self._require_arguments(definition, arguments)
        return definition

    async def usable(self, tool: str, *, agent_id: str) -> Definition:
        """The definition of a tool that is pinned, harmless to read about, and permitted to this agent."""
        await self._book.freshen()
        server, _, name = tool.partition("/")
        definition = self._toolbox.find(server, name)
        if definition is None:
            raise Invalid("tool_unknown", f"there is no tool {tool[:80]!r}", where="tool",
                          remedy="search for one")  # fmt: skip
        # Asked before anything is said of the tool: who may not use it learns nothing about it.
        if not await self._guards.may_use(agent_id, tool):
            raise Refused("tool_not_permitted", f"the agent may not use {tool}", where=tool[:200],
                          remedy="add the permission to its manifest")  # fmt: skip
        standing = self._book.standing(definition)
        if standing is not Standing.PINNED:
            raise Refused("tool_quarantined", f"{tool} is {standing}: nobody approved this definition",
                          where=tool[:200], remedy=f"chimera tools diff {tool}, then chimera tools pin")  # fmt: skip
        return definition

    async def usable_by(self, agent_id: str) -> frozenset[str]:
        """The full names of every pinned tool that only reads and that this agent may use."""
        await self._book.freshen()
        reading = [one.full_name for one in self._toolbox.definitions() if self._book.kind(one) is ToolKind.READ]
        return frozenset([name for name in reading if await self._guards.may_use(agent_id, name)])

    def kind(self, definition: Definition) -> ToolKind | None:
        """What a pinned tool does."""
        return self._book.kind(definition)

    def received(self, definition: Definition, told: Told) -> ToolAnswer:
        """The answer under its labels, without its attacks, and not too much of it."""
        if told.is_error:
            raise Invalid(
                "tool_failed",
                str(told.content.get("text", ""))[:300],
                where=definition.full_name,
                remedy="the task is tried again by itself",
            )
        content, worst = self._guards.security.withhold(self._bounded(told.content))
        carried = labels.union((labels.PUBLIC, labels.tool(definition.full_name)))
        if worst is ThreatLevel.HIGH:
            carried = labels.union(carried, (labels.THREAT_HIGH,))
        return ToolAnswer(content=content, labels=carried)

    def _require_arguments(self, definition: Definition, arguments: Mapping[str, Any]) -> None:
        if definition.digest not in self._validators:
            if len(self._validators) >= VALIDATORS_MAX:
                self._validators.clear()
            self._validators[definition.digest] = jsonschema_rs.validator_for(definition.input_schema(), offline=True)
        error = next(self._validators[definition.digest].iter_errors(arguments), None)
        if error is not None:
            raise Invalid(
                "tool_arguments",
                error.message[:300],
                where=f"{definition.full_name}.arguments",
                remedy="the task is tried again by itself",
            )
        findings = self._guards.egress.findings(arguments)
        if findings:
            raise Refused("egress_refused", "; ".join(findings)[:500], where=definition.full_name,
                          remedy="put the host on the fleet's list, or leave the secret out")  # fmt: skip

    def _bounded(self, content: dict[str, Any]) -> dict[str, Any]:
        encoded = canonical.encode(content)
        if len(encoded) <= self._answer_bytes_max:
            return content
        kept = encoded[: self._answer_bytes_max].decode("utf-8", "ignore")
        return {"notice": f"shortened: {len(encoded)} bytes, {self._answer_bytes_max} are kept", "text": kept}
