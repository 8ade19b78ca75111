"""The door to the fleet's tools: pinned, permitted, by schema, nothing secret out, nothing hostile in. Only reads.

What does more than read is looked at here and not called: it has to be proposed as an action, and so passes the gate.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import jsonschema_rs
from msgspec import Struct

from chimera.domain import canonical, labels, refusals
from chimera.domain.errors import Invalid, Refused
from chimera.domain.recent import Recent
from chimera.domain.threat import ThreatLevel
from chimera.domain.tools import ACTS, Definition, Standing, ToolKind
from chimera.governance.egress import Egress
from chimera.governance.security.gateway import SecurityGateway
from chimera.governance.tools.acts import SOME_KEY
from chimera.governance.tools.book import PinBook
from chimera.ports.toolbox import Told, Toolbox
from chimera.ports.tools_read import MayUse, ToolAnswer

ANSWER_BYTES_MAX = 32_768
VALIDATORS_MAX = 10_000
MayAct: TypeAlias = Callable[[str, str], Awaitable[bool]]
READS = (ToolKind.READ,)


async def may_not_act(_agent_id: str, _action: str) -> bool:
    """For whoever only reads."""
    return False


class Guards(Struct, frozen=True, kw_only=True):
    """Who looks at what goes out and what comes in, and who says who may."""

    may_use: MayUse
    may_act: MayAct = may_not_act
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
        self._validators: Recent[str, jsonschema_rs.Validator] = Recent(VALIDATORS_MAX)

    async def call(self, tool: str, arguments: dict[str, Any], *, agent_id: str) -> ToolAnswer:
        """What the tool returned, as a stranger's word."""
        definition = await self.checked(tool, arguments, agent_id=agent_id, kinds=READS)
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

    async def proposable(self, tool: str, arguments: dict[str, Any], *, agent_id: str) -> Definition:
        """The definition of a tool that does more than read, which this agent may propose to call like this."""
        definition = await self.usable(tool, agent_id=agent_id)
        key = definition.key()
        if key and key in arguments:
            raise Invalid("tool_key_given", f"{key} is the house's to set: by it the tool knows a call again",
                          where=f"{tool[:200]}.arguments", remedy="leave it out")  # fmt: skip
        self._require_arguments(definition, {**arguments, **({key: SOME_KEY} if key else {})})
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
        if not await self._permitted(definition, agent_id):
            raise refusals.tool_not_permitted(tool)
        standing = self._book.standing(definition)
        if standing is not Standing.PINNED:
            raise Refused("tool_quarantined", f"{tool} is {standing}: nobody approved this definition",
                          where=tool[:200], remedy=f"chimera tools diff {tool}, then chimera tools pin")  # fmt: skip
        return definition

    async def usable_by(self, agent_id: str) -> frozenset[str]:
        """The full names of every pinned tool that this agent may use: to read, or for what it may propose."""
        await self._book.freshen()
        pinned = [one for one in self._toolbox.definitions() if self._book.kind(one) is not None]
        return frozenset([one.full_name for one in pinned if await self._permitted(one, agent_id)])

    async def kind_of(self, tool: str) -> ToolKind | None:
        """What a pinned tool of this name does; nothing for any other."""
        await self._book.freshen()
        server, _, name = tool.partition("/")
        definition = self._toolbox.find(server, name)
        return self._book.kind(definition) if definition is not None else None

    async def _permitted(self, definition: Definition, agent_id: str) -> bool:
        """By what the tool does; one that nobody has approved is looked at as one that reads, and gets no further."""
        kind = self._book.kind(definition)
        if kind is None or kind is ToolKind.READ:
            return await self._guards.may_use(agent_id, definition.full_name)
        return await self._guards.may_act(agent_id, ACTS[kind])

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
        content, worst = self._guards.security.withhold(
            canonical.shortened(told.content, bytes_max=self._answer_bytes_max)
        )
        carried = labels.union((labels.PUBLIC, labels.tool(definition.full_name)))
        if worst is ThreatLevel.HIGH:
            carried = labels.union(carried, (labels.THREAT_HIGH,))
        return ToolAnswer(content=content, labels=carried)

    def _require_arguments(self, definition: Definition, arguments: Mapping[str, Any]) -> None:
        if definition.digest not in self._validators:
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
