"""Nothing behind: for what stands before other tools or another publisher, where there are none. Refuses by name."""

from __future__ import annotations

from typing import Any

from chimera.domain.action import Action
from chimera.domain.errors import Invalid
from chimera.ports.publisher import Absent, Order, Outcome, Rejected, Trace, Traits
from chimera.ports.tools_read import ToolAnswer


class NoTools:
    """Implements `ports.tools_read.ToolsRead`."""

    async def call(self, tool: str, arguments: dict[str, Any], *, agent_id: str) -> ToolAnswer:
        """There is none."""
        raise Invalid(
            "tool_unknown",
            f"there is no tool {tool[:80]!r}",
            where=agent_id or ",".join(arguments)[:80],
            remedy="use a tool that is offered: chimera tools list",
        )


class NoPublisher:
    """Implements `ports.publisher.Publisher`."""

    def traits(self, action: Action) -> Traits:
        """Of nothing, nothing is claimed."""
        return Traits(deduplicates=False, looks_up=not action.platform, settling_seconds=0.0)

    async def publish(self, order: Order) -> Outcome:
        """Nothing happens."""
        return Rejected(f"there is no way to {order.action.kind} on {order.action.platform}")

    async def look_up(self, order: Order) -> Trace:
        """Nothing happened."""
        assert order.grant_id, "an order has a key"
        return Absent()
